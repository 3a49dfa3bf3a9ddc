import SpanQueue

/// What became of one line of a batch.
enum BatchResult {
    case pending(line: Int)
    case done(EnqueueReceipt)
    case refused(line: Int, code: String, message: String)

    private struct Refusal: Encodable {
        struct Problem: Encodable {
            let code: String
            let message: String
        }

        let line: Int
        let error: Problem
    }

    var line: Int? {
        switch self {
        case .pending(let line), .refused(let line, _, _): line
        case .done: nil
        }
    }

    var isRefused: Bool {
        if case .refused = self { true } else { false }
    }

    func text(json: Bool) throws -> String {
        switch self {
        case .done(let receipt):
            if json { return try JSONLine.encode(ReceiptOutput(receipt)) }
            return receipt.isDuplicate ? "duplicate \(receipt.id)" : "enqueued \(receipt.id)"
        case .refused(let line, let code, let message):
            if json { return try JSONLine.encode(Refusal(line: line, error: .init(code: code, message: message))) }
            return "refused line \(line): \(Table.clean(message))"
        case .pending(let line):
            return "refused line \(line): no answer"
        }
    }
}
