-- A part of the benchmark's data for Redis: KEYS[1] is the kind, ARGV from and to. Values are as an
-- application's: JSON, ids in hexadecimal, numbers.
local function hex(text)
    return redis.sha1hex(text)
end
local kind, from, to = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
for i = from, to do
    local id = hex(kind .. i)
    if kind == "session" then
        redis.call("SET", "session:" .. id, '{"user":' .. i .. ',"token":"' .. hex(id) .. hex(id .. "t") ..
            '","roles":["reader","editor"],"locale":"en_GB","csrf":"' .. hex(id .. "c") ..
            '","last":"/accounts/' .. i % 977 .. '/orders?page=' .. i % 13 .. '","cart":[' .. i % 7919 .. "," ..
            i % 6007 .. "," .. i % 4001 .. ']}', "EXAT", 4000000000 + i)
    elseif kind == "user" then
        redis.call("HSET", "user:" .. i, "name", "user " .. i, "mail", hex(id) .. "@example.org", "visits", i % 5000,
            "created", 1600000000 + i * 37, "balance", i * 17 % 100000, "plan", i % 4, "key", hex(id .. "k"))
    elseif kind == "board" then
        for m = 1, 400 do
            redis.call("ZADD", "board:" .. i, (i * m * 7919) % 1000003 / 7, "player:" .. hex(i .. ":" .. m))
        end
    elseif kind == "tags" then
        for m = 1, 300 do
            redis.call("SADD", "tags:" .. i, hex(i .. "/" .. m))
        end
    elseif kind == "queue" then
        for m = 1, 200 do
            redis.call("RPUSH", "queue:" .. i, '{"job":"' .. hex(i .. "q" .. m) .. '","tries":' .. m % 5 .. "}")
        end
    elseif kind == "events" then
        for m = 1, 500 do
            redis.call("XADD", "events:" .. i, 1700000000000 + m .. "-" .. i, "type", m % 9, "id", hex(i .. "e" .. m))
        end
    else
        redis.call("SET", "count:" .. i, i * 31)
    end
end
return redis.status_reply("OK")
