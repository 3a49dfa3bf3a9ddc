import Foundation

/// The three descriptors that every program expects to be open.
enum StandardDescriptors {
    /// Takes the numbers of those that were closed (`>&-`), so that no socket gets one of them and is then written to by mistake.
    /// Reading from or writing to what stands there fails, as it would if it were closed. To be called before anything is opened.
    static func reserve() {
        for (descriptor, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)]
        where fcntl(descriptor, F_GETFD) == -1 {
            // The lowest number that is free, which is this one.
            _ = open("/dev/null", mode)
        }
    }
}
