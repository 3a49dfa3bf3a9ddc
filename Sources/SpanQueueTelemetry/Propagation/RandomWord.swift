internal import CSpanQueueTelemetry

/// 64 bits of the calling thread's generator, which the system's has seeded: unlike any other, but no secret.
package func randomWord() -> UInt64 { spanqueue_random_next() }
