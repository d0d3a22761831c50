-- Replays prepared requests with wrk and prints one line of JSON: what happened, as loadtests/wrk.py reads it.
-- Arguments: METHOD PATH AUTHORIZATION FILE MODE PAUSE; an empty string where there is none. MODE says what a line
-- of FILE is: `once` a body that may be sent one time only, `body` a body sent again and again, `bearer` an access
-- token, `batch` an access token and a batch of blinded messages in hexadecimal, `none` nothing (FILE is not read).
-- `sign_in`: a cookie and a form for PATH, once; the code in the answer goes to /token with what the first line says.
-- PAUSE is the mean time in milliseconds that a connection rests between two requests, 0 for a load without pause.

local FORM = "application/x-www-form-urlencoded"
local BATCH = "application/private-token-generic-batch-request"
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

local method, path, authorization, mode
local lines, position = {}, 0
exhausted = false

local function headers_of(line)
  local headers = { ["Accept"] = "application/json" }
  if mode == "bearer" then
    headers["Authorization"] = "Bearer " .. line
  elseif authorization ~= "" then
    headers["Authorization"] = authorization
  end
  if mode == "once" or mode == "body" then
    headers["Content-Type"] = FORM
  end
  return headers
end

local function batch(line)
  local token, hexadecimal = line:match("^(%S+) (%x+)$")
  local body = hexadecimal:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end)
  return wrk.format(method, path, { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = BATCH }, body)
end

local codes, token_form = {}, ""

-- A code may be redeemed on any connection: the next that is free takes it.
local function next_of_sign_in()
  local code = table.remove(codes)
  if code then
    return wrk.format("POST", "/token", { ["Authorization"] = authorization, ["Content-Type"] = FORM }, token_form .. code)
  end
  position = position + 1
  if position > #lines then
    exhausted = true
    wrk.thread:stop()
    position = #lines
  end
  local cookie, form = lines[position]:match("^(%S+) (%S+)$")
  return wrk.format("POST", path, { ["Cookie"] = cookie, ["Content-Type"] = FORM }, form)
end

local function formatted(line)
  if mode == "batch" then
    return batch(line)
  end
  local body = (mode == "once" or mode == "body") and line or nil
  return wrk.format(method, path, headers_of(line), body)
end

function init(args)
  method, path, authorization, mode = args[1], args[2], args[3], args[5]
  local pause = tonumber(args[6])
  if pause > 0 then
    -- Between none and twice the mean, so that the connections do not march in step.
    function delay()
      return math.floor(math.random() * 2 * pause + 0.5)
    end
  end
  if mode == "none" then
    lines[1] = formatted("")
    return
  end
  if mode == "sign_in" then
    for line in io.lines(args[4]) do
      table.insert(lines, line)
    end
    token_form = table.remove(lines, 1)
    -- Defined for this mode alone: wrk hands over answers only where somebody wants them.
    function response(status, headers, body)
      local code = body:match("[?&]code=([%w_-]+)")
      if code then
        table.insert(codes, code)
      end
    end
    request = next_of_sign_in
    return
  end
  for line in io.lines(args[4]) do
    -- What is sent many times is put together once.
    table.insert(lines, mode == "once" and line or formatted(line))
  end
end

function request()
  position = position + 1
  if position > #lines then
    if mode == "once" then
      exhausted = true
      wrk.thread:stop()
      return formatted(lines[#lines])
    end
    position = 1
  end
  return mode == "once" and formatted(lines[position]) or lines[position]
end

function done(summary, latency, requests)
  local ran_out = false
  for _, thread in ipairs(threads) do
    ran_out = ran_out or thread:get("exhausted")
  end
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"refused":%d,"broken":%d,"p50":%d,"p99":%d,"exhausted":%s}\n',
    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), tostring(ran_out)
  ))
end
