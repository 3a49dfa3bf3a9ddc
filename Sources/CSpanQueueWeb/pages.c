// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#include "spanqueue_web_pages.h"

// Of C23, which clang has in all modes and warns of in older ones.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char api_js[] = {
#embed "Assets/api.js"
};
static const unsigned char app_js[] = {
#embed "Assets/app.js"
};
static const unsigned char bulk_js[] = {
#embed "Assets/bulk.js"
};
static const unsigned char charts_js[] = {
#embed "Assets/charts.js"
};
static const unsigned char deeds_js[] = {
#embed "Assets/deeds.js"
};
static const unsigned char dom_js[] = {
#embed "Assets/dom.js"
};
static const unsigned char feed_js[] = {
#embed "Assets/feed.js"
};
static const unsigned char filter_js[] = {
#embed "Assets/filter.js"
};
static const unsigned char format_js[] = {
#embed "Assets/format.js"
};
static const unsigned char history_js[] = {
#embed "Assets/history.js"
};
static const unsigned char index_html[] = {
#embed "Assets/index.html"
};
static const unsigned char live_js[] = {
#embed "Assets/live.js"
};
static const unsigned char login_html[] = {
#embed "Assets/login.html"
};
static const unsigned char login_js[] = {
#embed "Assets/login.js"
};
static const unsigned char mark_svg[] = {
#embed "Assets/mark.svg"
};
static const unsigned char page_about_js[] = {
#embed "Assets/page-about.js"
};
static const unsigned char page_errors_js[] = {
#embed "Assets/page-errors.js"
};
static const unsigned char page_job_js[] = {
#embed "Assets/page-job.js"
};
static const unsigned char page_jobs_js[] = {
#embed "Assets/page-jobs.js"
};
static const unsigned char page_journal_js[] = {
#embed "Assets/page-journal.js"
};
static const unsigned char page_overview_js[] = {
#embed "Assets/page-overview.js"
};
static const unsigned char page_queue_js[] = {
#embed "Assets/page-queue.js"
};
static const unsigned char page_queues_js[] = {
#embed "Assets/page-queues.js"
};
static const unsigned char page_types_js[] = {
#embed "Assets/page-types.js"
};
static const unsigned char page_workers_js[] = {
#embed "Assets/page-workers.js"
};
static const unsigned char parts_js[] = {
#embed "Assets/parts.js"
};
static const unsigned char states_js[] = {
#embed "Assets/states.js"
};
static const unsigned char style_css[] = {
#embed "Assets/style.css"
};
static const unsigned char waterfall_js[] = {
#embed "Assets/waterfall.js"
};

static const struct spanqueue_web_asset assets[] = {
    {"api.js", api_js, sizeof api_js},
    {"app.js", app_js, sizeof app_js},
    {"bulk.js", bulk_js, sizeof bulk_js},
    {"charts.js", charts_js, sizeof charts_js},
    {"deeds.js", deeds_js, sizeof deeds_js},
    {"dom.js", dom_js, sizeof dom_js},
    {"feed.js", feed_js, sizeof feed_js},
    {"filter.js", filter_js, sizeof filter_js},
    {"format.js", format_js, sizeof format_js},
    {"history.js", history_js, sizeof history_js},
    {"index.html", index_html, sizeof index_html},
    {"live.js", live_js, sizeof live_js},
    {"login.html", login_html, sizeof login_html},
    {"login.js", login_js, sizeof login_js},
    {"mark.svg", mark_svg, sizeof mark_svg},
    {"page-about.js", page_about_js, sizeof page_about_js},
    {"page-errors.js", page_errors_js, sizeof page_errors_js},
    {"page-job.js", page_job_js, sizeof page_job_js},
    {"page-jobs.js", page_jobs_js, sizeof page_jobs_js},
    {"page-journal.js", page_journal_js, sizeof page_journal_js},
    {"page-overview.js", page_overview_js, sizeof page_overview_js},
    {"page-queue.js", page_queue_js, sizeof page_queue_js},
    {"page-queues.js", page_queues_js, sizeof page_queues_js},
    {"page-types.js", page_types_js, sizeof page_types_js},
    {"page-workers.js", page_workers_js, sizeof page_workers_js},
    {"parts.js", parts_js, sizeof parts_js},
    {"states.js", states_js, sizeof states_js},
    {"style.css", style_css, sizeof style_css},
    {"waterfall.js", waterfall_js, sizeof waterfall_js},
};

const struct spanqueue_web_asset *spanqueue_web_assets(size_t *count) {
    *count = sizeof assets / sizeof assets[0];
    return assets;
}
