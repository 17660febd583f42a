// Makes the one-node replica set and the services' user; may be run any number of times.
try {
  rs.status();
} catch (error) {
  rs.initiate({ _id: "rs0", members: [{ _id: 0, host: "mongo:27017" }] });
}
for (let tries = 0; !db.hello().isWritablePrimary; tries++) {
  if (tries > 120) {
    throw new Error("the replica set has no primary after a minute");
  }
  sleep(500);
}
const user = { pwd: process.env.MONGO_TOLLWAY_PASSWORD, roles: [{ role: "readWrite", db: "tollway" }] };
const tollway = db.getSiblingDB("tollway");
if (tollway.getUser("tollway")) {
  tollway.updateUser("tollway", user);
} else {
  tollway.createUser({ user: "tollway", ...user });
}
