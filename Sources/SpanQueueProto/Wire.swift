// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// The messages and services of `proto/spanqueue/v1`, by shorter names.
package enum Wire {
    package typealias ActionReply = Spanqueue_V1_ActionReply
    package typealias Backoff = Spanqueue_V1_Backoff
    package typealias Bury = Spanqueue_V1_Bury
    package typealias Cancel = Spanqueue_V1_Cancel
    package typealias CancelJobRequest = Spanqueue_V1_CancelJobRequest
    package typealias ClaimRequest = Spanqueue_V1_ClaimRequest
    package typealias Drain = Spanqueue_V1_Drain
    package typealias EnqueueBatchReply = Spanqueue_V1_EnqueueBatchReply
    package typealias EnqueueBatchRequest = Spanqueue_V1_EnqueueBatchRequest
    package typealias EnqueueOutcome = Spanqueue_V1_EnqueueOutcome
    package typealias EnqueueReply = Spanqueue_V1_EnqueueReply
    package typealias EnqueueRequest = Spanqueue_V1_EnqueueRequest
    package typealias FromWorker = Spanqueue_V1_FromWorker
    package typealias GetJobRequest = Spanqueue_V1_GetJobRequest
    package typealias HeartbeatReply = Spanqueue_V1_HeartbeatReply
    package typealias HeartbeatRequest = Spanqueue_V1_HeartbeatRequest
    package typealias Hello = Spanqueue_V1_Hello
    package typealias Job = Spanqueue_V1_Job
    package typealias JobRecord = Spanqueue_V1_JobRecord
    package typealias JobState = Spanqueue_V1_JobState
    package typealias Jobs = Spanqueue_V1_Jobs
    package typealias Lane = Spanqueue_V1_Lane
    package typealias Problem = Spanqueue_V1_Problem
    package typealias Producer = Spanqueue_V1_Producer
    package typealias Progress = Spanqueue_V1_Progress
    package typealias Result = Spanqueue_V1_Result
    package typealias Results = Spanqueue_V1_Results
    package typealias Settled = Spanqueue_V1_Settled
    package typealias Settlement = Spanqueue_V1_Settlement
    package typealias ToWorker = Spanqueue_V1_ToWorker
    package typealias Unique = Spanqueue_V1_Unique
    package typealias Welcome = Spanqueue_V1_Welcome
    package typealias Worker = Spanqueue_V1_Worker
}
