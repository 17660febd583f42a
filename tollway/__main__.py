"""`python -m tollway`, the same as the command `tollway`."""

from tollway.cli import main

if __name__ == "__main__":
    main()
