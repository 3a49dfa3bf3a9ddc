// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import CEmailCurl
import Foundation
import SpanQueue
import Synchronization

/// Hands messages to an SMTP server with libcurl.
struct SMTPSender: Sendable {
    let server: String
    let from: String

    /// libcurl wants this once, before any thread uses it; 3 is CURL_GLOBAL_ALL, which Swift does not see.
    private static let isReady = curl_global_init(3) == CURLE_OK

    /// Returns when the server has taken the message.
    ///
    /// - Throws: `JobError.permanent` where another attempt would end alike, `CancellationError`, or an error that is worth
    ///   another attempt.
    func send(_ email: SendEmail, id: JobID) async throws {
        guard !(email.to + email.subject).utf8.contains(where: { $0 < 0x20 }), email.to.contains("@") else {
            throw JobError.permanent("the address or the subject has a control character, or the address no @")
        }
        let upload = Upload(message(email, id: id))
        // A transfer blocks its thread, so it gets one that Swift's tasks do not need.
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                DispatchQueue.global().async {
                    continuation.resume(with: Result { try transfer(upload, to: email.to) })
                }
            }
        } onCancel: {
            upload.isCancelled.store(true, ordering: .relaxed)
        }
    }

    private func message(_ email: SendEmail, id: JobID) -> [UInt8] {
        let domain = from.split(separator: "@").last ?? "localhost"
        let text = Data(email.text.utf8).base64EncodedString(options: [
            .lineLength76Characters, .endLineWithCarriageReturn, .endLineWithLineFeed,
        ])
        let lines = [
            "From: <\(from)>", "To: <\(email.to)>",
            "Subject: =?utf-8?B?\(Data(email.subject.utf8).base64EncodedString())?=",
            "Message-ID: <\(id)@\(domain)>", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: base64", "", text, "",
        ]
        return Array(lines.joined(separator: "\r\n").utf8)
    }

    private func transfer(_ upload: Upload, to recipient: String) throws {
        guard Self.isReady, let handle = curl_easy_init() else { throw SMTPError("libcurl can't be used", status: 0) }
        defer { curl_easy_cleanup(handle) }
        let recipients = curl_slist_append(nil, recipient)
        defer { curl_slist_free_all(recipients) }
        let problem = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
        problem.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        defer { problem.deallocate() }
        let context = Unmanaged.passUnretained(upload).toOpaque()

        for (option, text) in [(CURLOPT_URL, server), (CURLOPT_MAIL_FROM, from)] {
            _ = email_curl_set_string(handle, option, text)
        }
        for (option, number) in [
            (CURLOPT_UPLOAD, 1), (CURLOPT_NOSIGNAL, 1), (CURLOPT_NOPROGRESS, 0), (CURLOPT_CONNECTTIMEOUT, 10),
            (CURLOPT_TIMEOUT, 60), (CURLOPT_USE_SSL, 1),
        ] {
            _ = email_curl_set_long(handle, option, number)
        }
        for (option, pointer) in [
            (CURLOPT_MAIL_RCPT, UnsafeRawPointer(recipients)), (CURLOPT_ERRORBUFFER, UnsafeRawPointer(problem)),
            (CURLOPT_READDATA, UnsafeRawPointer(context)), (CURLOPT_XFERINFODATA, UnsafeRawPointer(context)),
        ] {
            _ = email_curl_set_pointer(handle, option, pointer)
        }
        _ = email_curl_set_read(handle) { bytes, size, count, context in
            guard let bytes, let context else { return 0 }
            let room = UnsafeMutableRawBufferPointer(start: bytes, count: size * count)
            return Unmanaged<Upload>.fromOpaque(context).takeUnretainedValue().read(into: room)
        }
        // libcurl asks at least once a second.
        _ = email_curl_set_progress(handle) { context, _, _, _, _ in
            guard let context else { return 0 }
            return Unmanaged<Upload>.fromOpaque(context).takeUnretainedValue().isCancelled.load(ordering: .relaxed)
                ? 1 : 0
        }
        let code = withExtendedLifetime(upload) { curl_easy_perform(handle) }
        guard code != CURLE_OK else { return }
        guard code != CURLE_ABORTED_BY_CALLBACK else { throw CancellationError() }
        var status = 0
        _ = email_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        let text = problem[0] == 0 ? String(cString: curl_easy_strerror(code)) : String(cString: problem)
        // 5xx is the server's last word on this message; but 530 and 535 are about our credentials.
        if (500...599).contains(status), status != 530, status != 535 { throw JobError.permanent(text) }
        throw SMTPError(text, status: status)
    }
}

/// A message on its way, shared by the thread of the transfer and the task that may be cancelled.
///
/// `@unchecked Sendable`: `rest` is touched by the transfer only; `isCancelled` is atomic.
private final class Upload: @unchecked Sendable {
    let isCancelled = Atomic(false)
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) {
        rest = bytes[...]
    }

    func read(into room: UnsafeMutableRawBufferPointer) -> Int {
        let part = rest.prefix(room.count)
        room.copyBytes(from: part)
        rest = rest.dropFirst(part.count)
        return part.count
    }
}

struct SMTPError: Error, CustomStringConvertible {
    let description: String

    init(_ text: String, status: Int) {
        description = status == 0 ? text : "\(text) (SMTP \(status))"
    }
}
