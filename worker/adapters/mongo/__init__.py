"""Stores in MongoDB; the only package that imports pymongo."""

from worker.adapters.mongo.audio import GridFSAudio
from worker.adapters.mongo.audit import MongoAudit
from worker.adapters.mongo.callbacks import MongoCallbacks
from worker.adapters.mongo.client import Mongo
from worker.adapters.mongo.embedded import PortableInterviews
from worker.adapters.mongo.idempotency import MongoIdempotency
from worker.adapters.mongo.interviews import MongoInterviews
from worker.adapters.mongo.keys import MongoKeys
from worker.adapters.mongo.lease import MongoLease
from worker.adapters.mongo.ledger import MongoLedger
from worker.adapters.mongo.requests import MongoRequests
from worker.adapters.mongo.reservations import MongoReservations
from worker.adapters.mongo.status import MongoStatus

__all__ = [
    "GridFSAudio",
    "Mongo",
    "MongoAudit",
    "MongoCallbacks",
    "MongoIdempotency",
    "MongoInterviews",
    "MongoKeys",
    "MongoLease",
    "MongoLedger",
    "MongoRequests",
    "MongoReservations",
    "MongoStatus",
    "PortableInterviews",
]
