/// Bytes to and from a server, without ever blocking. Sockets today; TLS can come in its place.
protocol Transport: AnyObject {
    var descriptor: Int32 { get }

    /// Called when the descriptor is first writable. Throws the reason if the connection did not come about.
    func finishConnecting() throws(RedisError)

    func read(into buffer: UnsafeMutableRawBufferPointer) -> TransportResult
    func write(_ buffer: UnsafeRawBufferPointer) -> TransportResult

    /// At most once; nothing else is called after it.
    func close()
}
