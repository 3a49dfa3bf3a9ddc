/// What came of a ``Transport``'s read or write.
enum TransportResult {
    case moved(Int)
    case wouldBlock
    case closed(reason: String)
}
