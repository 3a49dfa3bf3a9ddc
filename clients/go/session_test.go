// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package spanqueue

import (
	"fmt"
	"math/rand"
	"sort"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/spanqueue/spanqueue/clients/go/spanqueuev1"
)

const slots, jobCount = 5, 40

// model is jobs, one worker, and whatever is between them.
type model struct {
	t       *testing.T
	random  *rand.Rand
	now     time.Time
	session *session
	running []string

	ready     []string
	claims    map[string]string
	ended     map[string]bool
	completed []string
	count     int
	lapses    int

	up                            []*pb.FromWorker
	down                          []*pb.ToWorker
	isOpen, isWelcome, halfClosed bool
	credits                       int
	sent                          []string
	confirmed                     uint64
}

func (m *model) connect() {
	m.isOpen, m.isWelcome, m.halfClosed = true, false, false
	m.credits, m.sent, m.confirmed, m.down = 0, nil, 0, nil
	m.up = []*pb.FromWorker{m.session.open(m.now)}
}

// cut breaks the stream: what was under way is gone, and what was never confirmed is given back.
func (m *model) cut() {
	m.isOpen = false
	m.session.stream = nil
	for _, claim := range m.sent[m.confirmed:] {
		m.giveBack(claim)
	}
}

func (m *model) giveBack(claim string) {
	if job, ok := m.claims[claim]; ok {
		delete(m.claims, claim)
		m.ready = append([]string{job}, m.ready...)
	}
}

func (m *model) flush() {
	messages, isLast, _ := m.session.flush(m.now)
	m.up = append(m.up, messages...)
	m.halfClosed = m.halfClosed || isLast
}

func (m *model) hear() {
	message := m.down[0]
	m.down = m.down[1:]
	for _, job := range m.session.receive(message, m.now) {
		m.running = append(m.running, string(job.Claim))
	}
	if len(m.running) > slots {
		m.t.Fatalf("%d handlers run", len(m.running))
	}
}

func (m *model) finish() {
	i := m.random.Intn(len(m.running))
	claim := []byte(m.running[i])
	m.running = append(m.running[:i], m.running[i+1:]...)
	m.session.finish(claim, &pb.Result{Claim: claim, Verdict: &pb.Result_Complete{Complete: &pb.Complete{}}}, m.now)
}

func (m *model) listen() {
	message := m.up[0]
	m.up = m.up[1:]
	switch kind := message.Kind.(type) {
	case *pb.FromWorker_Hello:
		m.isWelcome = true
		if len(kind.Hello.Resume) != len(m.session.held) {
			m.t.Fatalf("%d claims resumed, %d held", len(kind.Hello.Resume), len(m.session.held))
		}
		welcome := &pb.Welcome{Protocol: 1, MaxSlots: 1000, HeartbeatEvery: durationpb.New(10 * time.Second)}
		for _, claim := range kind.Hello.Resume {
			if _, ok := m.claims[string(claim)]; !ok {
				welcome.Lost = append(welcome.Lost, claim)
			}
		}
		m.down = append(m.down, &pb.ToWorker{Kind: &pb.ToWorker_Welcome{Welcome: welcome}})
	case *pb.FromWorker_Credit:
		if m.credits += int(kind.Credit.Add); m.credits > slots {
			m.t.Fatalf("%d credits", m.credits)
		}
	case *pb.FromWorker_Received:
		if kind.Received.Number <= m.confirmed || kind.Received.Number > uint64(len(m.sent)) {
			m.t.Fatalf("received %d of %d after %d", kind.Received.Number, len(m.sent), m.confirmed)
		}
		m.confirmed = kind.Received.Number
	case *pb.FromWorker_Results:
		settled := &pb.Settled{}
		for _, result := range kind.Results.Results {
			settled.Settlements = append(settled.Settlements, m.settle(result))
		}
		m.down = append(m.down, &pb.ToWorker{Kind: &pb.ToWorker_Settled{Settled: settled}})
	case *pb.FromWorker_Heartbeat:
		reply := &pb.HeartbeatReply{Number: kind.Heartbeat.Number}
		for _, claim := range kind.Heartbeat.Claims {
			if _, ok := m.claims[string(claim)]; !ok && !m.ended[string(claim)] {
				reply.Cancels = append(reply.Cancels, &pb.Cancel{Claim: claim, Cause: pb.Cancel_CAUSE_LEASE_LOST})
			}
		}
		m.down = append(m.down, &pb.ToWorker{Kind: &pb.ToWorker_Heartbeat{Heartbeat: reply}})
	}
}

func (m *model) settle(result *pb.Result) *pb.Settlement {
	claim := string(result.Claim)
	if job, ok := m.claims[claim]; ok {
		delete(m.claims, claim)
		m.ended[claim] = true
		if result.GetRelease() != nil {
			m.ready = append([]string{job}, m.ready...)
		} else {
			m.completed = append(m.completed, job)
		}
	}
	outcome := pb.Settlement_OUTCOME_LOST
	if m.ended[claim] {
		outcome = pb.Settlement_OUTCOME_SETTLED
	}
	return &pb.Settlement{Claim: result.Claim, Outcome: outcome}
}

func (m *model) claim() {
	jobs := &pb.Jobs{}
	for n := 1 + m.random.Intn(3); n > 0 && m.credits > 0 && len(m.ready) > 0; n-- {
		m.count++
		m.credits--
		claim := fmt.Sprintf("claim%d", m.count)
		m.claims[claim] = m.ready[0]
		m.sent = append(m.sent, claim)
		jobs.Jobs = append(jobs.Jobs, &pb.Job{Claim: []byte(claim), Number: uint64(len(m.sent)), Id: m.ready[0]})
		m.ready = m.ready[1:]
	}
	m.down = append(m.down, &pb.ToWorker{Kind: &pb.ToWorker_Jobs{Jobs: jobs}})
}

func (m *model) lapse() {
	m.lapses++
	var claims []string
	for claim := range m.claims {
		claims = append(claims, claim)
	}
	sort.Strings(claims)
	m.giveBack(claims[m.random.Intn(len(claims))])
}

func (m *model) step(faults bool) {
	choices := []func(){func() {
		m.now = m.now.Add([]time.Duration{500 * time.Microsecond, time.Millisecond, 3 * time.Second}[m.random.Intn(3)])
	}}
	add := func(weight int, isPossible bool, do func()) {
		for ; isPossible && weight > 0; weight-- {
			choices = append(choices, do)
		}
	}
	add(1, !m.isOpen, m.connect)
	add(4, m.isOpen, m.flush)
	add(3, m.isOpen && len(m.up) > 0, m.listen)
	add(3, m.isOpen && len(m.down) > 0, m.hear)
	add(2, m.isOpen && m.isWelcome && m.credits > 0 && len(m.ready) > 0 && !m.halfClosed, m.claim)
	add(4, m.isOpen && m.halfClosed && len(m.up)+len(m.down) == 0, m.cut)
	add(2, len(m.running) > 0, m.finish)
	if faults && m.random.Intn(5) == 0 {
		add(1, m.isOpen, m.cut)
		add(1, len(m.claims) > 0 && m.lapses < 10, m.lapse)
		add(1, m.isOpen && m.isWelcome && m.random.Intn(10) == 0, func() {
			m.credits = 0
			m.down = append(m.down, &pb.ToWorker{Kind: &pb.ToWorker_Drain{Drain: &pb.Drain{}}})
		})
	}
	choices[m.random.Intn(len(choices))]()
}

func TestEveryJobIsCompletedOnceWhateverBreaks(t *testing.T) {
	for seed := int64(0); seed < 200; seed++ {
		m := &model{
			t: t, random: rand.New(rand.NewSource(seed)), now: time.Unix(1000, 0), session: newSession(&pb.Hello{Protocol: 1}, slots),
			claims: map[string]string{}, ended: map[string]bool{},
		}
		for i := 0; i < jobCount; i++ {
			m.ready = append(m.ready, fmt.Sprintf("job%d", i))
		}
		// Some without any fault.
		for i := int64(0); i < seed%5*500; i++ {
			m.step(true)
		}
		for i := 0; i < 20000 && len(m.completed) < jobCount; i++ {
			m.step(false)
		}
		distinct := map[string]bool{}
		for _, job := range m.completed {
			distinct[job] = true
		}
		if len(distinct) != jobCount || len(m.completed) != jobCount {
			t.Fatalf("seed %d: %d completed, %d of them distinct", seed, len(m.completed), len(distinct))
		}
		m.session.isStopping = true
		for i := 0; i < 5000 && !(m.session.isDone() && len(m.running) == 0); i++ {
			m.step(false)
		}
		if !m.session.isDone() || len(m.running) > 0 || len(m.claims) > 0 {
			t.Fatalf("seed %d: it does not end", seed)
		}
	}
}
