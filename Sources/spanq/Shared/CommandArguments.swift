import ArgumentParser
import SpanQueue

/// The command line as the system passed it. Swift's own `CommandLine.arguments` puts U+FFFD where bytes are not UTF-8, and so
/// changes them without a word.
///
/// Only a payload is opaque bytes. Names, keys, paths and all other arguments are texts, and are refused where they are not UTF-8.
struct CommandArguments {
    /// One argument that is not UTF-8: it may be a payload, which only the parsed command can tell.
    struct Foreign {
        /// Stands for it while the command line is parsed; no other argument has this text.
        let placeholder: String
        let bytes: [UInt8]
        let refusal: CommandFailure
    }

    /// The arguments after the program's name, the placeholder among them.
    let texts: [String]
    let foreign: Foreign?

    /// Those of the process.
    static func ofProcess() throws(CommandFailure) -> CommandArguments {
        let pointers = UnsafeBufferPointer(start: CommandLine.unsafeArgv, count: Int(CommandLine.argc))
        return try CommandArguments(
            pointers.dropFirst().compactMap { pointer in
                guard let pointer else { return nil }
                var bytes: [UInt8] = []
                var next = pointer
                while next.pointee != 0 {
                    bytes.append(UInt8(bitPattern: next.pointee))
                    next += 1
                }
                return bytes
            })
    }

    /// - Throws: a usage error where two arguments are not UTF-8, or one that can't be a payload.
    init(_ arguments: [[UInt8]]) throws(CommandFailure) {
        var texts = arguments.map { String(decoding: $0, as: UTF8.self) }
        let odd = arguments.indices.filter { String(validating: arguments[$0], as: UTF8.self) == nil }
        guard let place = odd.first else {
            (self.texts, foreign) = (texts, nil)
            return
        }
        let shown = Excerpt.printable(texts[place], limit: 40)
        let refusal = CommandFailure.usage(
            "argument \(place + 1), \"\(shown)\", is not UTF-8: only the payload of spanq enqueue may have any bytes")
        let mayBeOption = texts[place].hasPrefix("-") && !texts[..<place].contains("--")
        guard odd.count == 1, !mayBeOption else { throw refusal }
        var placeholder = "payload"
        while texts.contains(where: { $0.contains(placeholder) }) { placeholder += "\u{FFFD}" }
        texts[place] = placeholder
        self.texts = texts
        foreign = Foreign(placeholder: placeholder, bytes: arguments[place], refusal: refusal)
    }

    /// Gives the bytes to the command whose payload they are.
    ///
    /// - Throws: a usage error where they are anything else, of any command.
    func complete(_ command: inout any ParsableCommand) throws(CommandFailure) {
        guard let foreign else { return }
        guard var enqueue = command as? EnqueueCommand, enqueue.payload == foreign.placeholder else {
            throw foreign.refusal
        }
        enqueue.payloadBytes = foreign.bytes
        command = enqueue
    }
}
