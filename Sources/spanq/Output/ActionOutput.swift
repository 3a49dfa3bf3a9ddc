import SpanQueue

/// What an action on one job prints: where the job stands now, null when it is gone.
struct ActionOutput: Encodable, Sendable {
    let id: String
    @OrNull var state: String?

    static func print(_ id: JobID, state: JobState?, json: Bool, text: String) throws {
        if json {
            try JSONLine.print(ActionOutput(id: id.description, state: OrNull(wrappedValue: state?.rawValue)))
        } else {
            Console.print(text)
        }
    }

    private init(id: String, state: OrNull<String>) {
        self.id = id
        self._state = state
    }
}
