from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from spanqueue.v1 import job_pb2 as _job_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
ON_DISCONNECT_KEEP: OnDisconnect
ON_DISCONNECT_RELEASE: OnDisconnect
ON_DISCONNECT_UNSPECIFIED: OnDisconnect

class Bury(_message.Message):
    __slots__ = ["reason"]
    class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    REASON_DECODE_ERROR: Bury.Reason
    REASON_EXPIRED: Bury.Reason
    REASON_FIELD_NUMBER: _ClassVar[int]
    REASON_PERMANENT: Bury.Reason
    REASON_UNSPECIFIED: Bury.Reason
    reason: Bury.Reason
    def __init__(self, reason: _Optional[_Union[Bury.Reason, str]] = ...) -> None: ...

class Cancel(_message.Message):
    __slots__ = ["cause", "claim"]
    class Cause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    CAUSE_LEASE_LOST: Cancel.Cause
    CAUSE_REQUESTED: Cancel.Cause
    CAUSE_TIMEOUT: Cancel.Cause
    CAUSE_UNSPECIFIED: Cancel.Cause
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    cause: Cancel.Cause
    claim: bytes
    def __init__(self, claim: _Optional[bytes] = ..., cause: _Optional[_Union[Cancel.Cause, str]] = ...) -> None: ...

class Cancelled(_message.Message):
    __slots__ = ["reason"]
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class ClaimRequest(_message.Message):
    __slots__ = ["lanes", "lease", "limit", "strict_order", "wait", "worker"]
    LANES_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    STRICT_ORDER_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    lanes: _containers.RepeatedCompositeFieldContainer[Lane]
    lease: _duration_pb2.Duration
    limit: int
    strict_order: bool
    wait: _duration_pb2.Duration
    worker: str
    def __init__(self, worker: _Optional[str] = ..., lanes: _Optional[_Iterable[_Union[Lane, _Mapping]]] = ..., strict_order: bool = ..., lease: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., limit: _Optional[int] = ..., wait: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Complete(_message.Message):
    __slots__ = ["result"]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: bytes
    def __init__(self, result: _Optional[bytes] = ...) -> None: ...

class Credit(_message.Message):
    __slots__ = ["add"]
    ADD_FIELD_NUMBER: _ClassVar[int]
    add: int
    def __init__(self, add: _Optional[int] = ...) -> None: ...

class Drain(_message.Message):
    __slots__ = ["within"]
    WITHIN_FIELD_NUMBER: _ClassVar[int]
    within: _duration_pb2.Duration
    def __init__(self, within: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ["message", "type"]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    message: str
    type: str
    def __init__(self, type: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class FromWorker(_message.Message):
    __slots__ = ["credit", "goodbye", "heartbeat", "hello", "progress", "received", "results"]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    credit: Credit
    goodbye: Goodbye
    heartbeat: HeartbeatRequest
    hello: Hello
    progress: Progress
    received: Received
    results: Results
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., credit: _Optional[_Union[Credit, _Mapping]] = ..., received: _Optional[_Union[Received, _Mapping]] = ..., results: _Optional[_Union[Results, _Mapping]] = ..., heartbeat: _Optional[_Union[HeartbeatRequest, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class HeartbeatReply(_message.Message):
    __slots__ = ["cancels", "failed", "lease_until", "number"]
    CANCELS_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    LEASE_UNTIL_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    cancels: _containers.RepeatedCompositeFieldContainer[Cancel]
    failed: _containers.RepeatedScalarFieldContainer[bytes]
    lease_until: _timestamp_pb2.Timestamp
    number: int
    def __init__(self, number: _Optional[int] = ..., cancels: _Optional[_Iterable[_Union[Cancel, _Mapping]]] = ..., failed: _Optional[_Iterable[bytes]] = ..., lease_until: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class HeartbeatRequest(_message.Message):
    __slots__ = ["claims", "lease", "number"]
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    claims: _containers.RepeatedScalarFieldContainer[bytes]
    lease: _duration_pb2.Duration
    number: int
    def __init__(self, claims: _Optional[_Iterable[bytes]] = ..., lease: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., number: _Optional[int] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ["capabilities", "client", "concurrency", "lanes", "lease", "on_disconnect", "protocol", "resume", "strict_order", "types", "worker"]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    LANES_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    ON_DISCONNECT_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    STRICT_ORDER_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    client: str
    concurrency: int
    lanes: _containers.RepeatedCompositeFieldContainer[Lane]
    lease: _duration_pb2.Duration
    on_disconnect: OnDisconnect
    protocol: int
    resume: _containers.RepeatedScalarFieldContainer[bytes]
    strict_order: bool
    types: _containers.RepeatedScalarFieldContainer[str]
    worker: str
    def __init__(self, protocol: _Optional[int] = ..., worker: _Optional[str] = ..., lanes: _Optional[_Iterable[_Union[Lane, _Mapping]]] = ..., lease: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., resume: _Optional[_Iterable[bytes]] = ..., client: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ..., on_disconnect: _Optional[_Union[OnDisconnect, str]] = ..., strict_order: bool = ..., types: _Optional[_Iterable[str]] = ..., concurrency: _Optional[int] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ["attempt", "baggage", "claim", "deadline", "enqueued_at", "id", "lease_until", "max_attempts", "number", "payload", "priority", "queue", "tags", "timeout", "token", "traceparent", "tracestate", "type"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    BAGGAGE_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    ENQUEUED_AT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_UNTIL_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    TRACESTATE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    baggage: str
    claim: bytes
    deadline: _timestamp_pb2.Timestamp
    enqueued_at: _timestamp_pb2.Timestamp
    id: str
    lease_until: _timestamp_pb2.Timestamp
    max_attempts: int
    number: int
    payload: bytes
    priority: int
    queue: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    timeout: _duration_pb2.Duration
    token: int
    traceparent: str
    tracestate: str
    type: str
    def __init__(self, claim: _Optional[bytes] = ..., number: _Optional[int] = ..., id: _Optional[str] = ..., queue: _Optional[str] = ..., type: _Optional[str] = ..., payload: _Optional[bytes] = ..., attempt: _Optional[int] = ..., max_attempts: _Optional[int] = ..., token: _Optional[int] = ..., enqueued_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., lease_until: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., deadline: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., traceparent: _Optional[str] = ..., tracestate: _Optional[str] = ..., baggage: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., priority: _Optional[int] = ...) -> None: ...

class Jobs(_message.Message):
    __slots__ = ["jobs"]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[Job]
    def __init__(self, jobs: _Optional[_Iterable[_Union[Job, _Mapping]]] = ...) -> None: ...

class Lane(_message.Message):
    __slots__ = ["queue", "weight"]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    queue: str
    weight: int
    def __init__(self, queue: _Optional[str] = ..., weight: _Optional[int] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ["claim", "fraction", "note"]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    claim: bytes
    fraction: float
    note: str
    def __init__(self, claim: _Optional[bytes] = ..., fraction: _Optional[float] = ..., note: _Optional[str] = ...) -> None: ...

class Received(_message.Message):
    __slots__ = ["number"]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: int
    def __init__(self, number: _Optional[int] = ...) -> None: ...

class Release(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class Result(_message.Message):
    __slots__ = ["bury", "cancelled", "claim", "complete", "failure", "release", "retry", "snooze", "took", "unhandled"]
    BURY_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    SNOOZE_FIELD_NUMBER: _ClassVar[int]
    TOOK_FIELD_NUMBER: _ClassVar[int]
    UNHANDLED_FIELD_NUMBER: _ClassVar[int]
    bury: Bury
    cancelled: Cancelled
    claim: bytes
    complete: Complete
    failure: Failure
    release: Release
    retry: Retry
    snooze: Snooze
    took: _duration_pb2.Duration
    unhandled: Unhandled
    def __init__(self, claim: _Optional[bytes] = ..., complete: _Optional[_Union[Complete, _Mapping]] = ..., retry: _Optional[_Union[Retry, _Mapping]] = ..., bury: _Optional[_Union[Bury, _Mapping]] = ..., release: _Optional[_Union[Release, _Mapping]] = ..., cancelled: _Optional[_Union[Cancelled, _Mapping]] = ..., snooze: _Optional[_Union[Snooze, _Mapping]] = ..., unhandled: _Optional[_Union[Unhandled, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., took: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Results(_message.Message):
    __slots__ = ["results"]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[Result]
    def __init__(self, results: _Optional[_Iterable[_Union[Result, _Mapping]]] = ...) -> None: ...

class Retry(_message.Message):
    __slots__ = ["delay"]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    delay: _duration_pb2.Duration
    def __init__(self, delay: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Settled(_message.Message):
    __slots__ = ["settlements"]
    SETTLEMENTS_FIELD_NUMBER: _ClassVar[int]
    settlements: _containers.RepeatedCompositeFieldContainer[Settlement]
    def __init__(self, settlements: _Optional[_Iterable[_Union[Settlement, _Mapping]]] = ...) -> None: ...

class Settlement(_message.Message):
    __slots__ = ["claim", "outcome", "problem"]
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_LOST: Settlement.Outcome
    OUTCOME_REFUSED: Settlement.Outcome
    OUTCOME_SETTLED: Settlement.Outcome
    OUTCOME_UNAVAILABLE: Settlement.Outcome
    OUTCOME_UNSPECIFIED: Settlement.Outcome
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    claim: bytes
    outcome: Settlement.Outcome
    problem: _job_pb2.Problem
    def __init__(self, claim: _Optional[bytes] = ..., outcome: _Optional[_Union[Settlement.Outcome, str]] = ..., problem: _Optional[_Union[_job_pb2.Problem, _Mapping]] = ...) -> None: ...

class Snooze(_message.Message):
    __slots__ = ["delay"]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    delay: _duration_pb2.Duration
    def __init__(self, delay: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ToWorker(_message.Message):
    __slots__ = ["cancel", "drain", "heartbeat", "jobs", "settled", "welcome"]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    cancel: Cancel
    drain: Drain
    heartbeat: HeartbeatReply
    jobs: Jobs
    settled: Settled
    welcome: Welcome
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., jobs: _Optional[_Union[Jobs, _Mapping]] = ..., settled: _Optional[_Union[Settled, _Mapping]] = ..., heartbeat: _Optional[_Union[HeartbeatReply, _Mapping]] = ..., cancel: _Optional[_Union[Cancel, _Mapping]] = ..., drain: _Optional[_Union[Drain, _Mapping]] = ...) -> None: ...

class Unhandled(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class Welcome(_message.Message):
    __slots__ = ["heartbeat_every", "lease", "lost", "max_message_bytes", "max_slots", "now", "protocol", "server"]
    HEARTBEAT_EVERY_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_SLOTS_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    heartbeat_every: _duration_pb2.Duration
    lease: _duration_pb2.Duration
    lost: _containers.RepeatedScalarFieldContainer[bytes]
    max_message_bytes: int
    max_slots: int
    now: _timestamp_pb2.Timestamp
    protocol: int
    server: str
    def __init__(self, protocol: _Optional[int] = ..., server: _Optional[str] = ..., lease: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., heartbeat_every: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., max_slots: _Optional[int] = ..., max_message_bytes: _Optional[int] = ..., lost: _Optional[_Iterable[bytes]] = ..., now: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class OnDisconnect(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
