// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry

// Run with: Scripts/bench --micro

try Recording().run()
await Spans().run()
await Encoding().run()
try Scraping().run()
