-- pipe.lua: sounds in Lua, made by `generate --serve` behind a pipe; Lua 5.1 to 5.4, LuaJIT. MIT-0
--
--     cc demo/generate.c -lm -o generate && lua demo/pipe.lua "a dog barks" "heavy rain falls"
--
--     a dog barks: sound_1.wav, 2.56 s
--     heavy rain falls: sound_2.wav, 2.56 s
--
-- io.popen goes one way: all requests lie in a file, and answers come while they are worked on.

local function quoted(text)
    return '"' .. text:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
end

local name = os.tmpname()
local requests = assert(io.open(name, "w"))
for i, prompt in ipairs(arg) do
    requests:write(('{"id": %d, "prompt": %s, "output": "sound_%d.wav"}\n'):format(i, quoted(prompt), i))
end
requests:close()

local failed = false
local answers = assert(io.popen("./generate --quiet --serve <" .. name))
for line in answers:lines() do
    local id, event = line:match('^{"id": (%d+), "event": "(%a+)"')
    local prompt = arg[tonumber(id)]
    if event == "progress" and line:find('"step"') then
        io.stderr:write(("\r%s: step %s of %s "):format(prompt, line:match('"step": (%d+), "steps": (%d+)')))
    elseif event == "sound" then
        io.stderr:write("\r\27[K")
        print(("%s: %s, %.2f s"):format(prompt, line:match('"file": "(.-)"'), line:match('"seconds": ([%d.]+)')))
    elseif event == "error" then
        print(prompt .. ": " .. line:match('"message": "(.*)"'))
        failed = true
    end
end
answers:close()
os.remove(name)
os.exit(failed and 1 or 0)
