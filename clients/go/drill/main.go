// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

// The drill enqueues jobs and works on them through real gateways, and says at the end whether all was as it should be. The process that
// starts it kills a gateway in the middle when it is told to.
//
// usage: drill -addresses HOST:PORT,HOST:PORT -queue NAME [-jobs COUNT]
//
// It prints "middle" when a quarter of the jobs is done, and a line for each of its findings.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	spanqueue "github.com/spanqueue/spanqueue/clients/go"
	pb "github.com/spanqueue/spanqueue/clients/go/spanqueuev1"
)

func main() {
	addresses := flag.String("addresses", spanqueue.DefaultAddress, "gateways, with commas between")
	queue := flag.String("queue", "drill", "the queue")
	count := flag.Int("jobs", 400, "how many jobs")
	flag.Parse()
	if err := drill(spanqueue.Config{Addresses: strings.Split(*addresses, ",")}, *queue, *count); err != nil {
		fmt.Fprintln(os.Stderr, "drill:", err)
		os.Exit(1)
	}
}

func drill(config spanqueue.Config, queue string, count int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	client, err := spanqueue.NewClient(config)
	if err != nil {
		return err
	}
	defer client.Close()

	requests := make([]*pb.EnqueueRequest, count)
	for i := range requests {
		requests[i] = &pb.EnqueueRequest{Queue: queue, Type: "count", Payload: []byte(fmt.Sprintf(`{"n":%d}`, i))}
	}
	outcomes, err := client.EnqueueBatch(ctx, requests)
	if err != nil {
		return err
	}
	ids := map[string]int{}
	for i, outcome := range outcomes {
		if outcome.GetReply() == nil {
			return fmt.Errorf("job %d was refused: %v", i, outcome.GetProblem())
		}
		ids[outcome.GetReply().Id] = i
	}
	one := func(jobType string, retries uint32) string {
		reply, err := client.Enqueue(ctx, &pb.EnqueueRequest{
			Queue: queue, Type: jobType, Payload: []byte("{"), MaxRetries: &retries,
			Backoff: &pb.Backoff{Kind: &pb.Backoff_Constant{Constant: durationpb.New(10 * time.Millisecond)}},
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, "drill:", err)
			os.Exit(1)
		}
		return reply.Id
	}
	wants := map[string]pb.JobState{
		one("fails", 2):    pb.JobState_JOB_STATE_DEAD,
		one("panics", 0):   pb.JobState_JOB_STATE_DEAD,
		one("recovers", 2): pb.JobState_JOB_STATE_COMPLETED,
		one("bury", 9):     pb.JobState_JOB_STATE_DEAD,
		one("snooze", 0):   pb.JobState_JOB_STATE_COMPLETED,
		one("decode", 9):   pb.JobState_JOB_STATE_DEAD,
	}
	for id := range ids {
		wants[id] = pb.JobState_JOB_STATE_COMPLETED
	}

	var mutex sync.Mutex
	runs := map[string]int{}
	last, gap := time.Now(), time.Duration(0)
	worker := &spanqueue.Worker{Config: config, Queues: []*pb.Lane{{Queue: queue}}, Concurrency: 8}
	worker.Handle("count", func(ctx context.Context, job *spanqueue.Job) ([]byte, error) {
		var payload struct{ N int }
		if err := job.JSON(&payload); err != nil {
			return nil, err
		}
		mutex.Lock()
		runs[job.Id]++
		if since := time.Since(last); len(runs) > 1 && since > gap {
			gap = since
		}
		last = time.Now()
		if len(runs) == count/4 {
			fmt.Println("middle")
		}
		mutex.Unlock()
		time.Sleep(20 * time.Millisecond)
		return []byte(fmt.Sprint(payload.N)), nil
	})
	worker.Handle("fails", func(context.Context, *spanqueue.Job) ([]byte, error) { return nil, errors.New("no luck") })
	worker.Handle("panics", func(context.Context, *spanqueue.Job) ([]byte, error) { panic("at once") })
	worker.Handle("recovers", func(_ context.Context, job *spanqueue.Job) ([]byte, error) {
		if job.Attempt == 1 {
			return nil, spanqueue.RetryAfter(errors.New("busy"), 10*time.Millisecond)
		}
		return nil, nil
	})
	worker.Handle("bu*", func(context.Context, *spanqueue.Job) ([]byte, error) { return nil, spanqueue.Bury(errors.New("gone")) })
	snoozed := false
	worker.Handle("snooze", func(context.Context, *spanqueue.Job) ([]byte, error) {
		if !snoozed {
			snoozed = true
			return nil, spanqueue.Snooze(10 * time.Millisecond)
		}
		return nil, nil
	})
	worker.Handle("decode", func(_ context.Context, job *spanqueue.Job) ([]byte, error) { return nil, job.JSON(&struct{}{}) })

	working, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(working) }()
	for id, state := range wants {
		record, err := waitFor(ctx, client, queue, id)
		if err != nil {
			return err
		}
		if record.State != state || record.Reclaims != 0 {
			return fmt.Errorf("job %s (%s) is %v after %d reclaims, and should be %v: %s",
				id, record.Type, record.State, record.Reclaims, state, record.LastError)
		}
		mutex.Lock()
		times := runs[id]
		mutex.Unlock()
		if i, isCounted := ids[id]; isCounted && (string(record.Result) != fmt.Sprint(i) || times != 1) {
			return fmt.Errorf("job %d left %q and ran %d times", i, record.Result, times)
		}
	}
	stop()
	if err := <-ended; err != nil {
		return err
	}
	fmt.Printf("%d jobs, each run once; the longest pause between two was %d ms\n", len(ids), gap.Milliseconds())

	long := one("long", 0)
	if err := drillCancel(ctx, config, client, queue, long); err != nil {
		return err
	}
	fmt.Println("a running job was cancelled")
	return nil
}

// drillCancel cancels a job that runs.
func drillCancel(ctx context.Context, config spanqueue.Config, client *spanqueue.Client, queue, id string) error {
	worker := &spanqueue.Worker{Config: config, Queues: []*pb.Lane{{Queue: queue}}, Lease: 5 * time.Second}
	begun, cause := make(chan struct{}), make(chan pb.Cancel_Cause, 1)
	worker.Handle("long", func(ctx context.Context, job *spanqueue.Job) ([]byte, error) {
		close(begun)
		<-ctx.Done()
		cause <- job.CancelCause()
		return nil, ctx.Err()
	})
	working, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(working) }()
	<-begun
	if _, err := client.Cancel(ctx, &pb.CancelJobRequest{Id: id, Queue: queue}); err != nil {
		return err
	}
	record, err := waitFor(ctx, client, queue, id)
	if err != nil {
		return err
	}
	if found := <-cause; record.State != pb.JobState_JOB_STATE_CANCELLED || found != pb.Cancel_CAUSE_REQUESTED {
		return fmt.Errorf("the cancelled job is %v, its handler was told %v", record.State, found)
	}
	stop()
	return <-ended
}

func waitFor(ctx context.Context, client *spanqueue.Client, queue, id string) (*pb.JobRecord, error) {
	for {
		record, err := client.Get(ctx, &pb.GetJobRequest{Id: id, Queue: queue, WithPayload: true})
		if err != nil {
			return nil, err
		}
		switch record.State {
		case pb.JobState_JOB_STATE_COMPLETED, pb.JobState_JOB_STATE_DEAD, pb.JobState_JOB_STATE_CANCELLED:
			return record, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
}
