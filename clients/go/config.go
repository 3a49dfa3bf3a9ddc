// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package spanqueue

import (
	"context"
	"crypto/tls"
	"math/rand"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

// DefaultAddress is where a gateway listens unless it is told otherwise.
const DefaultAddress = "localhost:9466"

// Version of this package.
const Version = "0.1.0"

// Config says where the gateways are, and how to reach them.
type Config struct {
	// host:port, or anything that gRPC resolves ("dns:///gateways:9466": all addresses of a name, in turns). Of several the next is taken
	// where one does not answer. DefaultAddress where empty.
	Addresses []string
	// A bearer token; none where empty.
	Token string
	// How to verify the gateway, and the certificate of this program; no TLS where nil.
	TLS *tls.Config
}

func (c Config) dial() ([]*grpc.ClientConn, error) {
	addresses := c.Addresses
	if len(addresses) == 0 {
		addresses = []string{DefaultAddress}
	}
	options := []grpc.DialOption{
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`),
		// A gateway takes pings no more often than each 10 s.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20), grpc.MaxCallSendMsgSize(16<<20)),
	}
	if c.TLS != nil {
		options = append(options, grpc.WithTransportCredentials(credentials.NewTLS(c.TLS)))
	} else {
		// Not credentials/insecure: Debian 12's grpc is older than that.
		options = append(options, grpc.WithInsecure()) //nolint:staticcheck
	}
	if c.Token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer(c.Token)))
	}
	var connections []*grpc.ClientConn
	for _, address := range addresses {
		connection, err := grpc.Dial(address, options...)
		if err != nil {
			closeAll(connections)
			return nil, err
		}
		connections = append(connections, connection)
	}
	return connections, nil
}

func closeAll(connections []*grpc.ClientConn) {
	for _, connection := range connections {
		connection.Close()
	}
}

type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// Whether a token may go over a plain connection is the gateway's decision: it listens on the loopback only unless it is told otherwise.
func (b bearer) RequireTransportSecurity() bool { return false }

// backoff is nothing at first, so that another gateway is asked at once; then up to 2 s, drawn so that not all come at the same moment.
func backoff(tries int) time.Duration {
	if tries <= 1 {
		return 0
	}
	most := 2 * time.Second
	if tries < 8 {
		most = 50 * time.Millisecond << (tries - 2)
	}
	return most/2 + time.Duration(rand.Int63n(int64(most/2)))
}
