import ArgumentParser
import SpanQueue

/// `spanq version`
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    @OptionGroup var global: GlobalOptions

    func run() throws {
        if global.json {
            try JSONLine.print(["version": SpanQueueVersion.text])
        } else {
            Console.print("spanq \(SpanQueueVersion.text)")
        }
    }
}
