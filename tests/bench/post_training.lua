-- POST /v1/sessions/{id}/trainings with wrk: another session each time, so that row locks don't queue.
local sessions, token, number = {}, os.getenv("BENCH_TOKEN"), 0
for id in string.gmatch(os.getenv("BENCH_SESSIONS"), "[^,]+") do sessions[#sessions + 1] = id end
math.randomseed(os.time())

request = function()
    number = number + 1
    return wrk.format("POST", "/v1/sessions/" .. sessions[math.random(#sessions)] .. "/trainings",
        {["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json",
         ["Idempotency-Key"] = string.format("bench-%d-%d-%f", number, math.random(1000000000), os.clock())},
        '{"title":"Negotiating with suppliers","provider":"Formatys","cost_cents":1,"vat_rate_bp":2000,"date":"2026-12-01"}')
end
