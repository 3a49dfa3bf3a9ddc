/// What a ``LoopSource`` wants to be told about its descriptor.
package struct LoopInterest: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let read = LoopInterest(rawValue: 1)
    package static let write = LoopInterest(rawValue: 2)
}
