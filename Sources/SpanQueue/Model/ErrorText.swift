// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// What of an error is stored, logged and exported: the text that its author wrote for people, and never its fields, which may hold what
/// is private.
struct ErrorText: Sendable {
    /// The application's own; nil answers leave it to the rules here.
    var describe: (@Sendable (any Error) -> String?)?

    func text(of error: any Error) -> String {
        if let text = describe?(error) { return text }
        return Self.ownText(of: error)
    }

    private static func ownText(of error: any Error) -> String {
        if error is DecodingError || error is EncodingError { return CodingProblem.known(error) ?? name(of: error) }
        if let text = (error as? any LocalizedError)?.errorDescription, !text.isEmpty { return text }
        if let text = bridged(error) { return text }
        if let error = (error as Any) as? any CustomStringConvertible { return error.description }
        return name(of: error)
    }

    /// Of one that says nothing: its type, and of an enum its case. What else reflection shows, its author has not asked to be shown.
    private static func name(of error: any Error) -> String {
        let type = String(describing: Swift.type(of: error))
        let mirror = Mirror(reflecting: error)
        guard mirror.displayStyle == .enum else { return type }
        return "\(type).\(mirror.children.first?.label ?? String(describing: error))"
    }

    // MARK: Foundation's

    /// `URLError` and others that stand for an `NSError`: the text that came with it, else what its code means.
    private static func bridged(_ error: any Error) -> String? {
        guard error is any CustomNSError || type(of: error) is NSError.Type else { return nil }
        let bridged = error as NSError
        if let text = bridged.userInfo[NSLocalizedDescriptionKey] as? String { return text }
        if bridged.domain == NSURLErrorDomain, let text = urlErrors[bridged.code] {
            return "\(text) (\(bridged.domain) \(bridged.code))"
        }
        return type(of: error) is NSError.Type || bridged.domain.hasPrefix("NS")
            ? "\(bridged.domain) \(bridged.code)" : nil
    }

    private static let urlErrors: [Int: String] = [
        -999: "the request was cancelled",
        -1000: "the URL is malformed",
        -1001: "the request timed out",
        -1002: "the URL's scheme is not supported",
        -1003: "the host was not found",
        -1004: "can't connect to the host",
        -1005: "the connection was lost",
        -1006: "the host's name can't be resolved",
        -1007: "too many redirects",
        -1008: "the resource is not available",
        -1009: "not connected to the network",
        -1011: "the server's answer can't be used",
        -1012: "the authentication was cancelled",
        -1013: "the server asks for authentication",
        -1200: "a secure connection can't be made",
        -1201: "the server's certificate has a bad date",
        -1202: "the server's certificate is not trusted",
        -1203: "the server's certificate has an unknown root",
        -1204: "the server's certificate is not valid yet",
        -1205: "the server refuses the client's certificate",
        -1206: "the server asks for a client certificate",
    ]
}

/// Errors of coders in words.
enum CodingProblem {
    /// What is wrong, and where. Of an error of a coder of the application's own, what its author wrote for people.
    static func describe(_ error: any Error) -> String {
        known(error) ?? ErrorText().text(of: error)
    }

    /// What is wrong, and where; nil for what is none of Swift's own errors of coders.
    static func known(_ error: any Error) -> String? {
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            "the key \"\(key.stringValue)\" is missing\(place(context.codingPath))"
        case DecodingError.typeMismatch(let type, let context):
            "expected \(type)\(place(context.codingPath)): \(context.debugDescription)"
        case DecodingError.valueNotFound(let type, let context):
            "expected \(type), found null\(place(context.codingPath))"
        case DecodingError.dataCorrupted(let context):
            "\(context.debugDescription)\(place(context.codingPath))"
        case EncodingError.invalidValue(let value, let context):
            "\(Swift.type(of: value)) has a value that the format can't hold\(place(context.codingPath))"
        default: nil
        }
    }

    private static func place(_ path: [any CodingKey]) -> String {
        path.isEmpty ? "" : " at " + path.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
    }
}
