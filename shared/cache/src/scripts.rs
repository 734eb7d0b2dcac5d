//! What Redis runs. Each script works on the keys of one hash slot and is one atomic step.
//!
//! A customer's key is a hash: `v` version, `o` ordinal, `s` state; `t` fill token that is out; `n` number of marks and
//! `m<id>` one field per mark, `1` once its writer has set an entry; `x` poisoned: a writer cleared its mark without an
//! entry while another's was there, so whatever that other one sets may be older. A key without marks expires; a marked one
//! does not. The last key of a call is the slot's index of marks, a sorted set of members by the time of their oldest mark.

use redis::Script;

/// `ARGV`: lifetime of a token, then a nonce per key. Answers three values per key: (1, version, ordinal and state),
/// (2) marked, or (3, token).
const READ: &str = r"
local out = {}
for i, key in ipairs(KEYS) do
  local got = redis.call('HMGET', key, 'n', 'v', 'o', 's', 't')
  if got[1] then
    out[i] = {2}
  elseif got[4] then
    out[i] = {1, got[2], got[3], got[4]}
  else
    local token = got[5]
    if not token then
      token = ARGV[i + 1]
      redis.call('HSET', key, 't', token)
    end
    redis.call('PEXPIRE', key, ARGV[1])
    out[i] = {3, token}
  end
end
return out";

/// `ARGV` per key: token, version, ordinal, state, lifetime. Answers how many were taken.
const FILL: &str = r"
local taken = 0
for i, key in ipairs(KEYS) do
  local at = (i - 1) * 5
  if redis.call('HGET', key, 't') == ARGV[at + 1] then
    redis.call('HDEL', key, 't')
    redis.call('HSET', key, 'v', ARGV[at + 2], 'o', ARGV[at + 3], 's', ARGV[at + 4])
    redis.call('PEXPIRE', key, ARGV[at + 5])
    taken = taken + 1
  end
end
return taken";

/// `ARGV`: id of the mark, then a member of the index per key.
const MARK: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local index = KEYS[#KEYS]
for i = 1, #KEYS - 1 do
  local key = KEYS[i]
  if redis.call('HSETNX', key, 'm' .. ARGV[1], '0') == 1 then
    redis.call('HINCRBY', key, 'n', 1)
  end
  redis.call('HDEL', key, 't')
  redis.call('PERSIST', key)
  redis.call('ZADD', index, 'NX', now, ARGV[i + 1])
end
return #KEYS - 1";

/// What `SET` and `CLEAR` do with an entry that may be too old.
const LOSE: &str = r"
local function lose(key)
  redis.call('HDEL', key, 'v', 'o', 's', 't')
  if redis.call('HEXISTS', key, 'n') == 1 then
    redis.call('HSET', key, 'x', '1')
  end
end
";

/// `ARGV`: id of the mark, then version, ordinal and state per key. Answers how many marks were lost.
const SET: &str = r"
local lost = 0
local own = 'm' .. ARGV[1]
for i, key in ipairs(KEYS) do
  local at = 1 + (i - 1) * 3
  if redis.call('HEXISTS', key, own) == 1 then
    redis.call('HSET', key, own, '1')
    local got = redis.call('HMGET', key, 'v', 'x')
    if not got[2] and (not got[1] or tonumber(got[1]) <= tonumber(ARGV[at + 1])) then
      redis.call('HSET', key, 'v', ARGV[at + 1], 'o', ARGV[at + 2], 's', ARGV[at + 3])
    end
  else
    lose(key)
    lost = lost + 1
  end
end
return lost";

/// `ARGV`: id of the mark, lifetime of entries, then a member of the index per key.
const CLEAR: &str = r"
local index = KEYS[#KEYS]
local own = 'm' .. ARGV[1]
for i = 1, #KEYS - 1 do
  local key = KEYS[i]
  local set = redis.call('HGET', key, own)
  if set then
    redis.call('HDEL', key, own)
    if redis.call('HINCRBY', key, 'n', -1) <= 0 then
      redis.call('HDEL', key, 'n')
    end
  end
  if set ~= '1' then
    lose(key)
  end
  if redis.call('HEXISTS', key, 'n') == 0 then
    redis.call('ZREM', index, ARGV[i + 2])
    local got = redis.call('HMGET', key, 's', 'x')
    if got[1] and not got[2] then
      redis.call('PEXPIRE', key, ARGV[2])
    else
      redis.call('DEL', key)
    end
  end
end
return #KEYS - 1";

/// `ARGV`: member of the index, and either nothing more or version, ordinal, state, lifetime.
const REPAIR: &str = r"
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
if #ARGV > 1 then
  redis.call('HSET', KEYS[1], 'v', ARGV[2], 'o', ARGV[3], 's', ARGV[4])
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
return 1";

/// `ARGV`: age in milliseconds, most members to return. Answers members and the times of their oldest marks.
const ORPHANS: &str = r"
local time = redis.call('TIME')
local latest = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1]
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', latest, 'WITHSCORES', 'LIMIT', 0, ARGV[2])";

/// `ARGV`: watermark, lifetime.
const RAISE: &str = r"
local now = redis.call('GET', KEYS[1])
if not now or tonumber(now) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
else
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1";

/// All scripts, hashed once.
pub(crate) struct Scripts {
    pub(crate) read: Script,
    pub(crate) fill: Script,
    pub(crate) mark: Script,
    pub(crate) set: Script,
    pub(crate) clear: Script,
    pub(crate) repair: Script,
    pub(crate) orphans: Script,
    pub(crate) raise: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            read: Script::new(READ),
            fill: Script::new(FILL),
            mark: Script::new(MARK),
            set: Script::new(&format!("{LOSE}{SET}")),
            clear: Script::new(&format!("{LOSE}{CLEAR}")),
            repair: Script::new(REPAIR),
            orphans: Script::new(ORPHANS),
            raise: Script::new(RAISE),
        }
    }

    pub(crate) fn all(&self) -> [&Script; 8] {
        [
            &self.read,
            &self.fill,
            &self.mark,
            &self.set,
            &self.clear,
            &self.repair,
            &self.orphans,
            &self.raise,
        ]
    }
}
