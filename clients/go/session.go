// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package spanqueue

import (
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/spanqueue/spanqueue/clients/go/spanqueuev1"
)

const (
	// A result waits so long for others, unless no handler runs that could bring one.
	gatherTime = time.Millisecond
	// So many do not wait.
	enoughResults = 64
	mostClaims    = 1000
	mostBytes     = 1 << 20
	// A stream that brings no Welcome within this time is given up.
	welcomeTime = 10 * time.Second
	// A gateway that was told goodbye may take so long to end the stream.
	leaveTime = time.Second
)

// claimed is a job that the worker holds.
type claimed struct {
	job *Job
	// The end of the attempt; nil while the handler runs.
	result *pb.Result
	// Whether that was made because the gateway refused another.
	isSecond bool
	cancel   func(pb.Cancel_Cause)
}

// stream is what belongs to one stream, and goes with it.
type stream struct {
	openedAt           time.Time
	isWelcome          bool
	credits            int
	arrived, confirmed uint64
	beatAt             time.Time
	// When the heartbeat was sent that has no answer yet; zero for none.
	beatSentAt   time.Time
	isDraining   bool
	saidGoodbye  bool
	halfClosedAt time.Time
	underWay     map[string]bool
}

// session is what a worker says to gateways, and when: a state machine without I/O, goroutines or clock. It outlives streams.
type session struct {
	hello       *pb.Hello
	slots       int
	held        map[string]*claimed
	running     int
	unsent      []string
	gatherUntil time.Time
	progress    map[string]*pb.Progress
	beats       uint64
	beatEvery   time.Duration
	mostSlots   int
	isStopping  bool
	stream      *stream
}

func newSession(hello *pb.Hello, slots int) *session {
	return &session{
		hello: hello, slots: slots, held: map[string]*claimed{}, progress: map[string]*pb.Progress{},
		beatEvery: 10 * time.Second, mostSlots: mostClaims,
	}
}

// open begins a new stream: what to send first.
func (s *session) open(now time.Time) *pb.FromWorker {
	s.stream = &stream{openedAt: now, underWay: map[string]bool{}}
	s.unsent = nil
	hello := proto.Clone(s.hello).(*pb.Hello)
	for claim, c := range s.held {
		if len(hello.Resume) < mostClaims {
			hello.Resume = append(hello.Resume, []byte(claim))
		}
		if c.result != nil {
			s.unsent = append(s.unsent, claim)
		}
	}
	return &pb.FromWorker{Kind: &pb.FromWorker_Hello{Hello: hello}}
}

// receive takes a message of the stream and returns the jobs whose handlers are to be called.
func (s *session) receive(message *pb.ToWorker, now time.Time) []*Job {
	switch kind := message.Kind.(type) {
	case *pb.ToWorker_Welcome:
		s.stream.isWelcome = true
		if every := kind.Welcome.HeartbeatEvery.AsDuration(); every > 0 {
			s.beatEvery = every
		}
		if kind.Welcome.MaxSlots > 0 {
			s.mostSlots = int(kind.Welcome.MaxSlots)
		}
		s.stream.beatAt = now.Add(s.beatEvery)
		for _, claim := range kind.Welcome.Lost {
			s.cancel(claim, pb.Cancel_CAUSE_LEASE_LOST)
		}
	case *pb.ToWorker_Jobs:
		return s.take(kind.Jobs.Jobs)
	case *pb.ToWorker_Settled:
		for _, settlement := range kind.Settled.Settlements {
			s.settled(settlement, now)
		}
	case *pb.ToWorker_Heartbeat:
		if kind.Heartbeat.Number == s.beats {
			s.stream.beatSentAt = time.Time{}
		}
		if soon := now.Add(s.beatEvery / 4); len(kind.Heartbeat.Failed) > 0 && soon.Before(s.stream.beatAt) {
			s.stream.beatAt = soon
		}
		for _, cancel := range kind.Heartbeat.Cancels {
			s.cancel(cancel.Claim, cancel.Cause)
		}
	case *pb.ToWorker_Cancel:
		s.cancel(kind.Cancel.Claim, kind.Cancel.Cause)
	case *pb.ToWorker_Drain:
		s.stream.isDraining = true
	}
	return nil
}

// finish takes a handler's end; nil where nothing is to be sent.
func (s *session) finish(claim []byte, result *pb.Result, now time.Time) {
	s.running--
	c := s.held[string(claim)]
	if c == nil || c.result != nil {
		return
	}
	if result == nil {
		s.drop(string(claim))
		return
	}
	s.settleWith(string(claim), c, result, now)
}

// abandon asks all handlers to end.
func (s *session) abandon() {
	for _, c := range s.held {
		if c.result == nil && c.cancel != nil {
			c.cancel(pb.Cancel_CAUSE_UNSPECIFIED)
		}
	}
}

// release gives back all that handlers have not ended.
func (s *session) release(now time.Time) {
	for claim, c := range s.held {
		if c.result == nil {
			s.settleWith(claim, c, releasing([]byte(claim)), now)
		}
	}
}

func releasing(claim []byte) *pb.Result {
	return &pb.Result{Claim: claim, Verdict: &pb.Result_Release{Release: &pb.Release{}}}
}

func (s *session) isDone() bool { return s.isStopping && len(s.held) == 0 }

// whyBroken says why the stream is to be given up: it is open, and nobody answers at its other end. Empty where it is not.
func (s *session) whyBroken(now time.Time) string {
	t := s.stream
	switch {
	case t == nil:
		return ""
	case !t.isWelcome && s.isDone():
		return "nothing is left to do"
	case !t.isWelcome && now.After(t.openedAt.Add(welcomeTime)):
		return "no Welcome"
	case !t.beatSentAt.IsZero() && now.After(t.beatSentAt.Add(s.beatEvery)):
		return "a heartbeat was not answered"
	case !t.halfClosedAt.IsZero() && now.After(t.halfClosedAt.Add(leaveTime)):
		return "this worker has left it"
	}
	return ""
}

// flush returns what to send now; whether nothing will follow on this stream; and how long there is nothing else at most.
func (s *session) flush(now time.Time) ([]*pb.FromWorker, bool, time.Duration) {
	t := s.stream
	if t == nil || !t.isWelcome || !t.halfClosedAt.IsZero() {
		return nil, false, time.Second
	}
	var messages []*pb.FromWorker
	if t.arrived > t.confirmed {
		t.confirmed = t.arrived
		messages = append(messages, &pb.FromWorker{Kind: &pb.FromWorker_Received{Received: &pb.Received{Number: t.arrived}}})
	}
	if s.isStopping && !t.saidGoodbye {
		t.saidGoodbye = true
		messages = append(messages, &pb.FromWorker{Kind: &pb.FromWorker_Goodbye{Goodbye: &pb.Goodbye{}}})
	}
	isDue := s.running == 0 || len(s.unsent) >= enoughResults || !now.Before(s.gatherUntil) || t.isDraining
	if len(s.unsent) > 0 && isDue {
		messages = append(messages, s.results(t)...)
	}
	if len(s.unsent) == 0 && !s.isStopping && !t.isDraining {
		if credit := min(s.slots-s.running, s.mostSlots-len(s.held)) - t.credits; credit > 0 {
			t.credits += credit
			messages = append(messages, &pb.FromWorker{Kind: &pb.FromWorker_Credit{Credit: &pb.Credit{Add: uint32(credit)}}})
		}
	}
	if len(s.held) > 0 && !now.Before(t.beatAt) {
		messages = append(messages, s.heartbeat(t, now)...)
	}
	if t.isDraining || s.isDone() {
		t.halfClosedAt = now
		return messages, true, 0
	}
	wait := time.Hour
	if len(s.held) > 0 {
		wait = t.beatAt.Sub(now)
	}
	if left := s.gatherUntil.Sub(now); len(s.unsent) > 0 && left < wait {
		wait = left
	}
	return messages, false, wait
}

func (s *session) take(jobs []*pb.Job) []*Job {
	// What can't be confirmed any more is given back by the gateway.
	if !s.stream.halfClosedAt.IsZero() {
		return nil
	}
	var starts []*Job
	for _, job := range jobs {
		if job.Number > s.stream.arrived {
			s.stream.arrived = job.Number
		}
		if s.stream.credits > 0 {
			s.stream.credits--
		}
		claim := string(job.Claim)
		if s.held[claim] != nil {
			continue
		}
		c := &claimed{job: &Job{Job: job}}
		s.held[claim] = c
		if s.isStopping {
			c.result = releasing(job.Claim)
			s.unsent = append(s.unsent, claim)
			continue
		}
		s.running++
		starts = append(starts, c.job)
	}
	return starts
}

func (s *session) settled(settlement *pb.Settlement, now time.Time) {
	claim := string(settlement.Claim)
	c := s.held[claim]
	if c == nil || !s.stream.underWay[claim] {
		return
	}
	delete(s.stream.underWay, claim)
	switch settlement.Outcome {
	case pb.Settlement_OUTCOME_UNAVAILABLE:
		s.unsent = append(s.unsent, claim)
	case pb.Settlement_OUTCOME_REFUSED:
		if c.isSecond {
			s.drop(claim)
			return
		}
		// Else nobody would end the attempt, and it would run again when its lease lapses.
		c.isSecond = true
		s.settleWith(claim, c, &pb.Result{
			Claim:   settlement.Claim,
			Verdict: &pb.Result_Retry{Retry: &pb.Retry{}},
			Failure: &pb.Failure{Type: "ResultRefused", Message: settlement.Problem.GetMessage()},
		}, now)
	default:
		s.drop(claim)
	}
}

func (s *session) cancel(claim []byte, cause pb.Cancel_Cause) {
	c := s.held[string(claim)]
	if c == nil {
		return
	}
	if cause == pb.Cancel_CAUSE_LEASE_LOST {
		s.drop(string(claim))
	}
	if c.result == nil && c.cancel != nil {
		c.cancel(cause)
	}
}

func (s *session) drop(claim string) {
	delete(s.held, claim)
	delete(s.progress, claim)
	if s.stream != nil {
		delete(s.stream.underWay, claim)
	}
	for i, other := range s.unsent {
		if other == claim {
			s.unsent = append(s.unsent[:i:i], s.unsent[i+1:]...)
			break
		}
	}
}

func (s *session) settleWith(claim string, c *claimed, result *pb.Result, now time.Time) {
	c.result = result
	if len(s.unsent) == 0 {
		s.gatherUntil = now.Add(gatherTime)
	}
	s.unsent = append(s.unsent, claim)
}

func (s *session) results(t *stream) []*pb.FromWorker {
	var messages []*pb.FromWorker
	var part []*pb.Result
	size := 0
	send := func() {
		messages = append(messages, &pb.FromWorker{Kind: &pb.FromWorker_Results{Results: &pb.Results{Results: part}}})
		part, size = nil, 0
	}
	for _, claim := range s.unsent {
		result := s.held[claim].result
		if len(part) > 0 && (len(part) == mostClaims || size+proto.Size(result) > mostBytes) {
			send()
		}
		part = append(part, result)
		size += proto.Size(result)
		t.underWay[claim] = true
	}
	send()
	s.unsent = nil
	return messages
}

func (s *session) heartbeat(t *stream, now time.Time) []*pb.FromWorker {
	var messages []*pb.FromWorker
	for claim, progress := range s.progress {
		messages = append(messages, &pb.FromWorker{Kind: &pb.FromWorker_Progress{Progress: progress}})
		delete(s.progress, claim)
	}
	beat := &pb.HeartbeatRequest{}
	for claim := range s.held {
		beat.Claims = append(beat.Claims, []byte(claim))
	}
	s.beats++
	beat.Number = s.beats
	t.beatAt = now.Add(s.beatEvery)
	if t.beatSentAt.IsZero() {
		t.beatSentAt = now
	}
	return append(messages, &pb.FromWorker{Kind: &pb.FromWorker_Heartbeat{Heartbeat: beat}})
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}
