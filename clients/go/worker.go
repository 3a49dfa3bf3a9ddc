// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package spanqueue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/spanqueue/spanqueue/clients/go/spanqueuev1"
)

// Handler does a job. What it returns is kept with the job, at most 64 KiB; nil leaves what is there. An error has the job tried again, but
// for those of Bury, RetryAfter, Snooze and Cancelled. The context ends when the handler is asked to end.
type Handler func(ctx context.Context, job *Job) ([]byte, error)

// Worker calls handlers for the jobs of queues. Set its fields, call Handle, then Run once.
//
// Leases are extended by a goroutine of its own. Streams that break are opened again, at another gateway if need be, and running handlers
// do not notice. A result is sent until a gateway has confirmed it.
type Worker struct {
	Config Config
	// The queues to serve, with their weights; "default" where empty.
	Queues []*pb.Lane
	// Serve a queue only while all before it are empty.
	StrictOrder bool
	// How many handlers run at once, 1 to 1,000; 10 where 0. No more jobs than that are claimed.
	Concurrency int
	// Without a sign of life for so long a job runs elsewhere: 5 s to 1 h; 30 s where 0.
	Lease time.Duration
	// How long handlers have to end after Run's context has; 25 s where 0.
	DrainTimeout time.Duration
	// A name for this run of this process, never to be shared; made where empty.
	Name string
	// Where to say that a gateway is not reached; the standard logger where nil.
	Logf func(format string, arguments ...interface{})

	handlers map[string]Handler
}

// Handle makes a function the handler of a job type, or of all that begin so: "email:*". The longest pattern that fits counts.
func (w *Worker) Handle(jobType string, handler Handler) {
	if w.handlers == nil {
		w.handlers = map[string]Handler{}
	}
	w.handlers[jobType] = handler
}

func (w *Worker) handlerOf(jobType string) Handler {
	if handler := w.handlers[jobType]; handler != nil {
		return handler
	}
	longest := ""
	for pattern := range w.handlers {
		if strings.HasSuffix(pattern, "*") && strings.HasPrefix(jobType, pattern[:len(pattern)-1]) && len(pattern) > len(longest) {
			longest = pattern
		}
	}
	return w.handlers[longest]
}

// Run works until the context ends; then it takes no more jobs, and returns when running handlers have ended, nil. Handlers that outlast
// DrainTimeout are asked to end, and their jobs given back. An error means that the gateway refuses this worker.
func (w *Worker) Run(ctx context.Context) error {
	if len(w.handlers) == 0 {
		return errors.New("this worker has no handler")
	}
	if w.Concurrency == 0 {
		w.Concurrency = 10
	}
	if w.Lease == 0 {
		w.Lease = 30 * time.Second
	}
	if w.DrainTimeout == 0 {
		w.DrainTimeout = 25 * time.Second
	}
	if len(w.Queues) == 0 {
		w.Queues = []*pb.Lane{{Queue: "default"}}
	}
	if w.Name == "" {
		host, _ := os.Hostname()
		host = regexp.MustCompile(`[^A-Za-z0-9_.-]`).ReplaceAllString(host, "-")
		w.Name = fmt.Sprintf("%.80s-%d-%08x", host, os.Getpid(), rand.New(rand.NewSource(time.Now().UnixNano())).Uint32())
	}
	if w.Logf == nil {
		w.Logf = log.Printf
	}
	hello := &pb.Hello{
		Protocol: 1, Worker: w.Name, Lanes: w.Queues, Lease: durationpb.New(w.Lease), Client: "spanqueue-go/" + Version,
		StrictOrder: w.StrictOrder, Concurrency: uint32(w.Concurrency),
	}
	for pattern := range w.handlers {
		if len(hello.Types) < 200 {
			hello.Types = append(hello.Types, pattern)
		}
	}
	connections, err := w.Config.dial()
	if err != nil {
		return err
	}
	defer closeAll(connections)
	r := &run{worker: w, session: newSession(hello, w.Concurrency), wake: make(chan struct{}, 1), done: make(chan struct{})}
	go r.watch(ctx)
	defer close(r.done)
	return r.stayConnected(connections)
}

// run is one run of a worker.
type run struct {
	worker *Worker
	mutex  sync.Mutex
	// Under the mutex.
	session     *session
	cancelCall  context.CancelFunc
	abandonedAt time.Time
	// Of the engine, against this machine's clock.
	skew time.Duration

	wake chan struct{}
	done chan struct{}
}

// Handlers that were asked to end because the worker ends have so long before their jobs are given back, and that has so long.
const grace, last = 2 * time.Second, 3 * time.Second

func (r *run) stayConnected(connections []*grpc.ClientConn) error {
	wasWelcome := false
	for tries := 0; ; {
		if r.isFinished() {
			return nil
		}
		isWelcome, err := r.oneStream(connections[0])
		wasWelcome = wasWelcome || isWelcome
		tries++
		if isWelcome {
			tries = 1
		}
		switch code := status.Code(err); {
		case code == codes.Aborted && Reason(err) == "superseded", !wasWelcome && isFinal(code):
			r.mutex.Lock()
			r.session.abandon()
			r.mutex.Unlock()
			return err
		}
		// The next address, and this one when all others were tried.
		connections = append(connections[1:], connections[0])
		if r.isFinished() {
			return nil
		}
		pause := backoff(tries)
		if told := retryAfter(err); told > pause {
			pause = told
		}
		if err != nil && (tries == 1 || tries%20 == 0) {
			r.worker.Logf("no stream with a gateway: %v; again in %v", err, pause)
		}
		time.Sleep(pause)
	}
}

func isFinal(code codes.Code) bool {
	switch code {
	case codes.InvalidArgument, codes.PermissionDenied, codes.Unauthenticated, codes.FailedPrecondition, codes.Unimplemented:
		return true
	}
	return false
}

// isFinished: everything is done, or there is nobody to tell it to.
func (r *run) isFinished() bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.session.isDone() || !r.abandonedAt.IsZero() && time.Since(r.abandonedAt) > grace+last
}

// oneStream is a stream from its beginning to its end: whether it ever worked, and how it ended.
func (r *run) oneStream(connection *grpc.ClientConn) (isWelcome bool, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r.mutex.Lock()
	hello := r.session.open(time.Now())
	r.cancelCall = cancel
	r.mutex.Unlock()
	defer func() {
		r.mutex.Lock()
		r.session.stream = nil
		r.cancelCall = nil
		r.mutex.Unlock()
	}()
	call, err := pb.NewWorkerClient(connection).Work(ctx)
	if err != nil {
		return false, err
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		r.write(ctx, call, hello)
	}()
	// The next stream's writer must find the session to itself.
	defer func() { cancel(); <-written }()
	for {
		message, err := call.Recv()
		if err != nil {
			if err == io.EOF {
				return isWelcome, nil
			}
			return isWelcome, err
		}
		if welcome := message.GetWelcome(); welcome != nil {
			isWelcome = true
		}
		r.mutex.Lock()
		if now := message.GetWelcome().GetNow(); now != nil {
			r.skew = time.Until(now.AsTime())
		}
		starts := r.session.receive(message, time.Now())
		for _, job := range starts {
			r.start(job)
		}
		r.mutex.Unlock()
		r.notify()
	}
}

// write sends what the session says. Heartbeats are sent here, and no handler can block it.
func (r *run) write(ctx context.Context, call pb.Worker_WorkClient, hello *pb.FromWorker) {
	messages, isLast, wait := []*pb.FromWorker{hello}, false, time.Duration(0)
	for {
		for _, message := range messages {
			if call.Send(message) != nil {
				return
			}
		}
		if isLast {
			_ = call.CloseSend()
			return
		}
		if len(messages) == 0 {
			timer := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-r.wake:
			case <-timer.C:
			}
			timer.Stop()
		}
		r.mutex.Lock()
		messages, isLast, wait = r.session.flush(time.Now())
		r.mutex.Unlock()
	}
}

func (r *run) notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// watch gives up streams that nobody answers, and ends handlers that outlast the time they have.
func (r *run) watch(ctx context.Context) {
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	var stoppedAt time.Time
	stopped := ctx.Done()
	for {
		select {
		case <-r.done:
			return
		case <-stopped:
			stopped = nil
			stoppedAt = time.Now()
			r.mutex.Lock()
			r.session.isStopping = true
			r.mutex.Unlock()
			r.notify()
		case now := <-ticker.C:
			r.mutex.Lock()
			isOver := false
			if !stoppedAt.IsZero() {
				isOver = r.endHandlers(now, stoppedAt)
			}
			if (isOver || r.session.whyBroken(now) != "") && r.cancelCall != nil {
				r.cancelCall()
			}
			r.mutex.Unlock()
		}
	}
}

func (r *run) endHandlers(now, stoppedAt time.Time) (isOver bool) {
	if r.abandonedAt.IsZero() {
		if now.After(stoppedAt.Add(r.worker.DrainTimeout)) {
			r.abandonedAt = now
			r.session.abandon()
		}
		return false
	}
	if now.After(r.abandonedAt.Add(grace)) {
		r.session.release(now)
		r.notify()
	}
	return now.After(r.abandonedAt.Add(grace + last))
}

// start calls the handler of a job, in a goroutine of its own. Under the mutex.
func (r *run) start(job *Job) {
	job.run = r
	ctx, cancel := context.WithCancel(context.Background())
	r.session.held[string(job.Claim)].cancel = func(cause pb.Cancel_Cause) {
		// The first cause counts, but a lease that is lost tops all.
		if !atomic.CompareAndSwapInt32(&job.cause, 0, int32(cause)) && cause == pb.Cancel_CAUSE_LEASE_LOST {
			atomic.StoreInt32(&job.cause, int32(cause))
		}
		cancel()
	}
	isExpired := job.Deadline != nil && time.Now().Add(r.skew).After(job.Deadline.AsTime())
	go func() {
		defer cancel()
		begun := time.Now()
		var result *pb.Result
		if handler := r.worker.handlerOf(job.Type); handler == nil {
			result = &pb.Result{Claim: job.Claim, Verdict: &pb.Result_Unhandled{Unhandled: &pb.Unhandled{}}}
		} else if isExpired {
			bury := &pb.Bury{Reason: pb.Bury_REASON_EXPIRED}
			result = &pb.Result{Claim: job.Claim, Verdict: &pb.Result_Bury{Bury: bury}}
		} else {
			value, err := call(ctx, handler, job)
			if result = resultOf(job, value, err, ctx.Err() != nil); result != nil {
				result.Took = durationpb.New(time.Since(begun))
			}
		}
		r.mutex.Lock()
		r.session.finish(job.Claim, result, time.Now())
		r.mutex.Unlock()
		r.notify()
	}()
}

func (r *run) setProgress(progress *pb.Progress) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.session.held[string(progress.Claim)] != nil {
		r.session.progress[string(progress.Claim)] = progress
	}
}

func call(ctx context.Context, handler Handler, job *Job) (value []byte, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v", panicked)
		}
	}()
	return handler(ctx, job)
}

// resultOf is how a handler's end becomes the end of an attempt; nil where nothing is to be sent.
func resultOf(job *Job, value []byte, err error, isAsked bool) *pb.Result {
	result := &pb.Result{Claim: job.Claim}
	cause := job.CancelCause()
	if cause == pb.Cancel_CAUSE_LEASE_LOST {
		return nil
	}
	if err == nil {
		result.Verdict = &pb.Result_Complete{Complete: &pb.Complete{Result: value}}
		return result
	}
	if isAsked {
		switch cause {
		case pb.Cancel_CAUSE_REQUESTED:
			result.Verdict = &pb.Result_Cancelled{Cancelled: &pb.Cancelled{}}
		case pb.Cancel_CAUSE_TIMEOUT:
			result.Verdict = &pb.Result_Retry{Retry: &pb.Retry{}}
			result.Failure = &pb.Failure{Type: "Timeout", Message: "it ran longer than its timeout"}
		default:
			result.Verdict = &pb.Result_Release{Release: &pb.Release{}}
		}
		return result
	}
	result.Failure = &pb.Failure{Type: typeOf(err), Message: strings.ToValidUTF8(err.Error(), "?")}
	var end *ending
	if !errors.As(err, &end) {
		result.Verdict = &pb.Result_Retry{Retry: &pb.Retry{}}
		return result
	}
	switch end.kind {
	case bury:
		result.Verdict = &pb.Result_Bury{Bury: &pb.Bury{Reason: pb.Bury_REASON_PERMANENT}}
	case retryAfterDelay:
		result.Verdict = &pb.Result_Retry{Retry: &pb.Retry{Delay: durationpb.New(end.after)}}
	case snooze:
		result.Failure = nil
		result.Verdict = &pb.Result_Snooze{Snooze: &pb.Snooze{Delay: durationpb.New(end.after)}}
	case cancelled:
		result.Failure = nil
		result.Verdict = &pb.Result_Cancelled{Cancelled: &pb.Cancelled{Reason: end.Error()}}
	}
	return result
}

// typeOf is a short name of few values: that of the innermost error's type.
func typeOf(err error) string {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(next) {
		err = next
	}
	return strings.TrimLeft(fmt.Sprintf("%T", err), "*")
}
