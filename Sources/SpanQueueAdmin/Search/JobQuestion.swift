// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// What is asked of a job, in two parts: what an engine may answer, and what is compared with the job's texts as they are shown.
///
/// What is masked must not be found by asking for it either, nor by how far a search came: so an engine is asked for nothing
/// that could tell of it.
struct JobQuestion: Hashable {
    /// The engine's part.
    var query: JobQuery
    /// The other; nothing where no text is masked.
    private var rest = JobQuery()
    private let redaction: Redaction

    init(_ query: JobQuery, _ redaction: Redaction) {
        self.query = query
        self.redaction = redaction
        guard !redaction.isEmpty else { return }
        // A part of an error says nothing of what stands before it; and a digest is one of all of it.
        swap(&self.query.error, &rest.error)
        swap(&self.query.fingerprint, &rest.fingerprint)
        // The others are wholes, or beginnings.
        if let type = query.type, !redaction.shows(type.hasSuffix("*") ? String(type.dropLast()) : type) {
            swap(&self.query.type, &rest.type)
        }
        if let prefix = query.idPrefix, !redaction.shows(prefix) { swap(&self.query.idPrefix, &rest.idPrefix) }
        rest.tags = query.tags.filter { !redaction.shows($0) }
        self.query.tags = query.tags.filter(redaction.shows)
    }

    /// Whether it wants all.
    var isEmpty: Bool { query.isEmpty && rest.isEmpty }

    /// How many jobs a step may find, where so many are wanted: those of the engine's part are not all.
    func limit(for wanted: Int) -> Int { rest.isEmpty ? wanted : 100 }

    /// Whether a job that an engine found is wanted.
    func wants(_ record: JobRecord) -> Bool {
        guard !rest.isEmpty else { return true }
        var texts = rest
        texts.fingerprint = nil
        if let fingerprint = rest.fingerprint, redaction.fingerprint(of: record) != fingerprint { return false }
        return texts.matches(record, as: redaction.masked)
    }
}
