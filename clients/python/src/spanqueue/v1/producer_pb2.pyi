from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from spanqueue.v1 import job_pb2 as _job_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ActionReply(_message.Message):
    __slots__ = ["outcome", "state"]
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    OUTCOME_DONE: ActionReply.Outcome
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_REQUESTED: ActionReply.Outcome
    OUTCOME_UNSPECIFIED: ActionReply.Outcome
    STATE_FIELD_NUMBER: _ClassVar[int]
    outcome: ActionReply.Outcome
    state: _job_pb2.JobState
    def __init__(self, outcome: _Optional[_Union[ActionReply.Outcome, str]] = ..., state: _Optional[_Union[_job_pb2.JobState, str]] = ...) -> None: ...

class Backoff(_message.Message):
    __slots__ = ["constant", "exponential", "linear"]
    class Exponential(_message.Message):
        __slots__ = ["base", "cap"]
        BASE_FIELD_NUMBER: _ClassVar[int]
        CAP_FIELD_NUMBER: _ClassVar[int]
        base: _duration_pb2.Duration
        cap: _duration_pb2.Duration
        def __init__(self, base: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., cap: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...
    class Linear(_message.Message):
        __slots__ = ["cap", "step"]
        CAP_FIELD_NUMBER: _ClassVar[int]
        STEP_FIELD_NUMBER: _ClassVar[int]
        cap: _duration_pb2.Duration
        step: _duration_pb2.Duration
        def __init__(self, step: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., cap: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...
    CONSTANT_FIELD_NUMBER: _ClassVar[int]
    EXPONENTIAL_FIELD_NUMBER: _ClassVar[int]
    LINEAR_FIELD_NUMBER: _ClassVar[int]
    constant: _duration_pb2.Duration
    exponential: Backoff.Exponential
    linear: Backoff.Linear
    def __init__(self, exponential: _Optional[_Union[Backoff.Exponential, _Mapping]] = ..., constant: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., linear: _Optional[_Union[Backoff.Linear, _Mapping]] = ...) -> None: ...

class CancelJobRequest(_message.Message):
    __slots__ = ["id", "queue", "reason"]
    ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    queue: str
    reason: str
    def __init__(self, id: _Optional[str] = ..., queue: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class EnqueueBatchReply(_message.Message):
    __slots__ = ["outcomes"]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[EnqueueOutcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[EnqueueOutcome, _Mapping]]] = ...) -> None: ...

class EnqueueBatchRequest(_message.Message):
    __slots__ = ["jobs"]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[EnqueueRequest]
    def __init__(self, jobs: _Optional[_Iterable[_Union[EnqueueRequest, _Mapping]]] = ...) -> None: ...

class EnqueueOutcome(_message.Message):
    __slots__ = ["problem", "reply"]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    REPLY_FIELD_NUMBER: _ClassVar[int]
    problem: _job_pb2.Problem
    reply: EnqueueReply
    def __init__(self, reply: _Optional[_Union[EnqueueReply, _Mapping]] = ..., problem: _Optional[_Union[_job_pb2.Problem, _Mapping]] = ...) -> None: ...

class EnqueueReply(_message.Message):
    __slots__ = ["enqueued_at", "id", "is_duplicate", "queue", "run_at", "state", "trace_id", "type"]
    ENQUEUED_AT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    IS_DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    RUN_AT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    enqueued_at: _timestamp_pb2.Timestamp
    id: str
    is_duplicate: bool
    queue: str
    run_at: _timestamp_pb2.Timestamp
    state: _job_pb2.JobState
    trace_id: str
    type: str
    def __init__(self, id: _Optional[str] = ..., queue: _Optional[str] = ..., enqueued_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., run_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., is_duplicate: bool = ..., state: _Optional[_Union[_job_pb2.JobState, str]] = ..., trace_id: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...

class EnqueueRequest(_message.Message):
    __slots__ = ["backoff", "baggage", "deadline", "delay", "expires_after", "id", "max_retries", "payload", "priority", "queue", "retention", "run_at", "tags", "timeout", "traceparent", "tracestate", "type", "unique"]
    BACKOFF_FIELD_NUMBER: _ClassVar[int]
    BAGGAGE_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AFTER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    MAX_RETRIES_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    RUN_AT_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    TRACESTATE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    UNIQUE_FIELD_NUMBER: _ClassVar[int]
    backoff: Backoff
    baggage: str
    deadline: _timestamp_pb2.Timestamp
    delay: _duration_pb2.Duration
    expires_after: _duration_pb2.Duration
    id: str
    max_retries: int
    payload: bytes
    priority: int
    queue: str
    retention: _duration_pb2.Duration
    run_at: _timestamp_pb2.Timestamp
    tags: _containers.RepeatedScalarFieldContainer[str]
    timeout: _duration_pb2.Duration
    traceparent: str
    tracestate: str
    type: str
    unique: Unique
    def __init__(self, queue: _Optional[str] = ..., type: _Optional[str] = ..., payload: _Optional[bytes] = ..., id: _Optional[str] = ..., delay: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., run_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., priority: _Optional[int] = ..., unique: _Optional[_Union[Unique, _Mapping]] = ..., expires_after: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., deadline: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., max_retries: _Optional[int] = ..., backoff: _Optional[_Union[Backoff, _Mapping]] = ..., retention: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., tags: _Optional[_Iterable[str]] = ..., traceparent: _Optional[str] = ..., tracestate: _Optional[str] = ..., baggage: _Optional[str] = ...) -> None: ...

class GetJobRequest(_message.Message):
    __slots__ = ["id", "queue", "with_payload"]
    ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    WITH_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    id: str
    queue: str
    with_payload: bool
    def __init__(self, id: _Optional[str] = ..., queue: _Optional[str] = ..., with_payload: bool = ...) -> None: ...

class Unique(_message.Message):
    __slots__ = ["key", "lasting", "until_finished", "until_started"]
    KEY_FIELD_NUMBER: _ClassVar[int]
    LASTING_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FINISHED_FIELD_NUMBER: _ClassVar[int]
    UNTIL_STARTED_FIELD_NUMBER: _ClassVar[int]
    key: str
    lasting: _duration_pb2.Duration
    until_finished: bool
    until_started: bool
    def __init__(self, key: _Optional[str] = ..., until_started: bool = ..., until_finished: bool = ..., lasting: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...
