"""Models, credentials, and what the configuration file says."""

from services.admin.credentials import CredentialRoutes
from services.admin.current import Current
from services.admin.declaring import Declaring
from services.admin.handlers import Handler
from services.admin.model_views import ModelViews
from services.admin.models import ModelRoutes
from services.admin.naming import ModelNames
from services.admin.recording import Recorder
from services.admin.reloading import ReloadRoutes
from shared.pricing.table import PriceTable
from shared.settings import Runtime
from shared.store.connection import Store
from shared.store.credentials import Credentials
from shared.store.models import Models


def models_table(
    store: Store,
    recorder: Recorder,
    runtime: Runtime,
    current: Current,
    declaring: Declaring,
    names: ModelNames,
) -> dict[str, Handler]:
    """Return the routes about what the configuration file says too."""
    models, credentials, settings = Models(store), Credentials(store), runtime.configuration
    model = ModelRoutes(models, credentials, recorder, current, settings.credentials, runtime.encryption_key)
    views = ModelViews(models, current, PriceTable(settings.pricing.file))
    credential = CredentialRoutes(credentials, models, recorder, settings.credentials, runtime.encryption_keys)
    config = ReloadRoutes(current, declaring, recorder, names)
    return {
        "model_new": model.new,
        "model_update": model.update,
        "model_patch": model.update,
        "model_block": model.block,
        "model_unblock": model.unblock,
        "model_info": views.info,
        "model_group_info": views.groups,
        "model_delete": model.delete,
        "credential_new": credential.new,
        "credential_list": credential.list,
        "credential_by_model": credential.by_model,
        "credential_by_name": credential.by_name,
        "credential_update": credential.update,
        "credential_delete": credential.delete,
        "config_reload": config.reload,
        "config_plan": config.plan,
    }
