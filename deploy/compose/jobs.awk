# The jobs of the load, a JSON object a line, as `spanq enqueue --batch` takes them; docs/cli.md has the members.
# Variables: kind, order or burst; count, of orders or of pictures; seed, a number.

function upto(most) { return int(rand() * most) }

function job(type, queue, payload, options) {
    printf "{\"type\":\"%s\",\"queue\":\"%s\",\"payload\":%s%s}\n", type, queue, payload, options
}

BEGIN {
    srand(seed)
    for (number = 1; number <= count; number++) {
        id = upto(1000000)
        picture = sprintf("{\"picture\":%d}", id)
        if (kind == "burst") {
            job("thumbnail:import", "low", picture, ",\"tags\":[\"import\"]")
            continue
        }
        order = sprintf("{\"order\":%d}", id)
        job("charge:card", "critical", order, ",\"max_retries\":4" (upto(10) ? "" : ",\"priority\":5"))
        job("email:receipt", "default", order, ",\"max_retries\":6")
        # A reminder that is due later, and a picture or two.
        if (upto(3) == 0) job("email:reminder", "default", order, sprintf(",\"delay\":\"%ds\"", 20 + upto(100)))
        for (pictures = upto(3); pictures > 0; pictures--) job("thumbnail:product", "low", picture, "")
        if (upto(12) == 0) job("report:daily", "low", order, ",\"timeout\":\"10s\",\"max_retries\":2,\"unique\":\"5s\"")
    }
}
