// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package spanqueue

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/spanqueue/spanqueue/clients/go/spanqueuev1"
)

// Client is a producer. It may be used from many goroutines.
//
// A call is repeated, at the next gateway, while none answers and the context allows it. Every enqueue has an id, the client's own where you
// give none; so it is added once.
type Client struct {
	connections []*grpc.ClientConn
	turn        uint32
}

// NewClient makes a producer. Nothing is connected before the first call.
func NewClient(config Config) (*Client, error) {
	connections, err := config.dial()
	if err != nil {
		return nil, err
	}
	return &Client{connections: connections}, nil
}

// Close ends the connections.
func (c *Client) Close() { closeAll(c.connections) }

// Enqueue adds a job. A duplicate is an answer, not an error.
func (c *Client) Enqueue(ctx context.Context, job *pb.EnqueueRequest) (*pb.EnqueueReply, error) {
	withID(job)
	var reply *pb.EnqueueReply
	err := c.call(ctx, func(producer pb.ProducerClient) (err error) {
		reply, err = producer.Enqueue(ctx, job)
		return err
	})
	return reply, err
}

// EnqueueBatch adds up to 1,000 jobs, each accepted or refused for itself: an outcome for each, in their order.
func (c *Client) EnqueueBatch(ctx context.Context, jobs []*pb.EnqueueRequest) ([]*pb.EnqueueOutcome, error) {
	for _, job := range jobs {
		withID(job)
	}
	var reply *pb.EnqueueBatchReply
	err := c.call(ctx, func(producer pb.ProducerClient) (err error) {
		reply, err = producer.EnqueueBatch(ctx, &pb.EnqueueBatchRequest{Jobs: jobs})
		return err
	})
	return reply.GetOutcomes(), err
}

// Get reads a job.
func (c *Client) Get(ctx context.Context, request *pb.GetJobRequest) (*pb.JobRecord, error) {
	var record *pb.JobRecord
	err := c.call(ctx, func(producer pb.ProducerClient) (err error) {
		record, err = producer.GetJob(ctx, request)
		return err
	})
	return record, err
}

// Cancel cancels a job: at once while it does not run, within a heartbeat while it runs.
func (c *Client) Cancel(ctx context.Context, request *pb.CancelJobRequest) (*pb.ActionReply, error) {
	var reply *pb.ActionReply
	err := c.call(ctx, func(producer pb.ProducerClient) (err error) {
		reply, err = producer.CancelJob(ctx, request)
		return err
	})
	return reply, err
}

func (c *Client) call(ctx context.Context, do func(pb.ProducerClient) error) error {
	for tries := 1; ; tries++ {
		turn := atomic.LoadUint32(&c.turn)
		err := do(pb.NewProducerClient(c.connections[int(turn)%len(c.connections)]))
		switch status.Code(err) {
		case codes.Unavailable, codes.ResourceExhausted:
		default:
			return err
		}
		atomic.CompareAndSwapUint32(&c.turn, turn, turn+1)
		pause := backoff(tries)
		if told := retryAfter(err); told > pause {
			pause = told
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// withID gives a job an id that grows with time: milliseconds, then 80 random bits.
func withID(job *pb.EnqueueRequest) {
	if job.Id != "" {
		return
	}
	random := make([]byte, 10)
	if _, err := rand.Read(random); err == nil {
		job.Id = fmt.Sprintf("%012x%x", time.Now().UnixNano()/int64(time.Millisecond), random)
	}
}
