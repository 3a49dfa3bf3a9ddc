// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package spanqueue

import (
	"errors"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// Reason is SpanQueue's own word for what went wrong with a call, such as "conflict" or "unavailable"; empty where there is none.
func Reason(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.Reason
		}
	}
	return ""
}

func retryAfter(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			// Not AsDuration, which Debian 12's genproto does not have.
			return time.Duration(info.RetryDelay.GetSeconds())*time.Second + time.Duration(info.RetryDelay.GetNanos())
		}
	}
	return 0
}

// ending is an error by which a handler says how its attempt ends.
type ending struct {
	error
	kind  endingKind
	after time.Duration
}

type endingKind int

const (
	retryAfterDelay endingKind = iota
	bury
	snooze
	cancelled
)

func (e *ending) Unwrap() error { return e.error }

// RetryAfter makes an error of a handler that has the job tried again after a delay, in place of its backoff.
func RetryAfter(err error, delay time.Duration) error { return &ending{err, retryAfterDelay, delay} }

// Bury makes an error of a handler that makes the job a dead letter: trying again does not help.
func Bury(err error) error { return &ending{err, bury, 0} }

// Snooze makes an error of a handler that puts the job off. No attempt is charged.
func Snooze(delay time.Duration) error { return &ending{errors.New("put off"), snooze, delay} }

// Cancelled makes an error of a handler that cancels its job.
func Cancelled(reason string) error { return &ending{errors.New(reason), cancelled, 0} }
