"""MongoDB: interviews, recordings, reservations and keys. The only home of pymongo."""

from worker.adapters.mongo.audio import GridFSAudio
from worker.adapters.mongo.callbacks import MongoCallbacks
from worker.adapters.mongo.client import Mongo
from worker.adapters.mongo.interviews import MongoInterviews
from worker.adapters.mongo.keys import MongoKeys
from worker.adapters.mongo.leadership import MongoLeadership
from worker.adapters.mongo.reservations import MongoReservations
from worker.adapters.mongo.status import MongoStatus

__all__ = [
    "GridFSAudio",
    "Mongo",
    "MongoCallbacks",
    "MongoInterviews",
    "MongoKeys",
    "MongoLeadership",
    "MongoReservations",
    "MongoStatus",
]
