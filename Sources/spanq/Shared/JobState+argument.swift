public import ArgumentParser
public import SpanQueue

extension JobState: ExpressibleByArgument {
    /// Only a state that this version knows.
    public init?(argument: String) {
        guard let state = Self.known.first(where: { $0.rawValue == argument }) else { return nil }
        self = state
    }

    /// For the help and for shells.
    public static var allValueStrings: [String] { known.map(\.rawValue) }
}
