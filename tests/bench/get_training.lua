-- GET /v1/trainings/{id} with wrk.
local trainings, token = {}, os.getenv("BENCH_TOKEN")
for id in string.gmatch(os.getenv("BENCH_TRAININGS"), "[^,]+") do trainings[#trainings + 1] = id end
math.randomseed(os.time())

request = function()
    return wrk.format("GET", "/v1/trainings/" .. trainings[math.random(#trainings)],
        {["Authorization"] = "Bearer " .. token})
end
