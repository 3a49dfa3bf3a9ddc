// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import SpanQueue
internal import SpanQueueAdmin

extension Route {
    /// Where what happens is sent: as server-sent events, or as messages of a WebSocket.
    static let events = "/api/v1/events"
}

extension Call {
    /// Takes in who asks, by the query: `topics` and `queues`, each with commas in between.
    func viewer() throws -> LiveViewer {
        guard let live else { throw SpanQueueError(.engine, "nothing is live here") }
        let filter = try LiveFilter(topics: list("topics"), queues: list("queues"), visible: principal.queues)
        return try live.join(
            filter, after: try value("last_event_id") ?? headers[.lastEventID], as: principal.name
        ) { [gate, visitor, headers, peer] in gate.admits(visitor, headers, peer: peer) }
    }

    private func list(_ name: String) throws -> [String]? {
        try value(name)?.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
}

/// What a viewer is sent, as server-sent events (WHATWG HTML, section 9.2).
struct EventStream: Sendable {
    private let hub: LiveHub
    private let viewer: LiveViewer

    init(_ hub: LiveHub, _ viewer: LiveViewer) {
        self.hub = hub
        self.viewer = viewer
    }

    /// When a client that does so by itself comes back after the end.
    private static let beginning = "retry: 2000\n\n"

    var body: ResponseBody {
        ResponseBody { [self] writer in
            defer { hub.leave(viewer) }
            try await writer.write(ByteBuffer(string: Self.beginning))
            while let items = await viewer.next() {
                try await writer.write(ByteBuffer(string: items.map(text).joined()))
            }
            try await writer.finish(nil)
        }
    }

    private func text(_ item: LiveViewer.Item) -> String {
        switch item {
        case .comment: ":\n\n"
        case .frame(let frame):
            "id: \(hub.id(of: frame))\nevent: \(frame.topic.rawValue)\ndata: \(hub.text(of: frame, for: viewer))\n\n"
        }
    }
}
