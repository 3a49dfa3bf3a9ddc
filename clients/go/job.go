// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package spanqueue

import (
	"encoding/json"
	"fmt"
	"sync/atomic"

	pb "github.com/spanqueue/spanqueue/clients/go/spanqueuev1"
)

// Job is one attempt of one job. Its Traceparent, Tracestate and Baggage are the parent of whatever the handler does: give them to your
// tracer as a carrier.
type Job struct {
	*pb.Job
	run   *run
	cause int32
}

// JSON reads the payload. Its error makes the job a dead letter, if the handler returns it.
func (j *Job) JSON(into interface{}) error {
	if err := json.Unmarshal(j.Payload, into); err != nil {
		return Bury(fmt.Errorf("the payload can't be read: %w", err))
	}
	return nil
}

// Progress says how far this attempt has come, 0 to 1. It is stored with the next heartbeat.
func (j *Job) Progress(fraction float64, note string) {
	j.run.setProgress(&pb.Progress{Claim: j.Claim, Fraction: fraction, Note: note})
}

// Why the handler's context was cancelled; CAUSE_UNSPECIFIED while it may run, and where the worker ends.
func (j *Job) CancelCause() pb.Cancel_Cause { return pb.Cancel_Cause(atomic.LoadInt32(&j.cause)) }
