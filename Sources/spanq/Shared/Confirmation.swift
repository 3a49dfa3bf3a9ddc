import ArgumentParser

/// The word before something that can't be undone.
struct Confirmation: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Do not ask.")
    var yes = false

    /// Asks on a terminal; where nobody can be asked, `--yes` must be there.
    func require(_ question: String) throws {
        if yes { return }
        guard Console.canAsk else {
            throw CommandFailure.usage("this can't be undone, and there is no terminal to ask on: add --yes")
        }
        guard Console.confirms(question) else { throw CommandFailure.failed("not confirmed: nothing was done") }
    }
}
