import HiredisClient
public import SpanQueue

extension EngineSource {
    /// The Redis engine.
    ///
    /// - Parameters:
    ///   - url: `redis://[user:password@]host[:port][/db]`, the same with `rediss://` for TLS, or `unix:///path[?db=n]`. Errors
    ///     and logs show it without the password.
    ///   - options: the settings.
    /// - Throws: `.invalidArgument` for a URL or a setting that can't be used.
    public static func redis(_ url: String, _ options: RedisEngineOptions = RedisEngineOptions()) -> EngineSource {
        redis(url, options, scripts: .embedded)
    }

    /// The Redis engine with scripts of the caller's choice.
    package static func redis(
        _ url: String, _ options: RedisEngineOptions = RedisEngineOptions(), scripts: Scripts
    ) -> EngineSource {
        EngineSource { environment in
            RedisEngine(
                url: try options.checkedURL(url), options: options, scripts: scripts, environment: environment)
        }
    }
}
