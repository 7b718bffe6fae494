-- Art 9 labels, Art 18 unsafe imitation and age fit, Art 21 profile price, over a whole list, as a user of Lua writes them.
local floors = { all = 0, r3 = 3, r8 = 8, r12 = 12, r16 = 16, r18 = 18 }
local offers = { product_offer = true, service_offer = true, coupon = true }
local about_the_person = {
  age = true, gender = true, occupation = true, income = true, device_model = true, spend_history = true,
  loyalty = true, wtp_score = true, browse_history = true, churn_score = true,
}

local function relevant(code)
  local family = code:sub(1, 2)
  return (family == "M1" or family == "H8") and (#code == 2 or code:byte(3) == 46)
end

local function denied(signals, code)
  for _, s in ipairs(signals) do
    if s.code == code and s.source == "human" and s.conf_ppm == 0 then return true end
  end
  return false
end

local function raised(signals)
  for _, s in ipairs(signals) do
    if relevant(s.code) then
      local source, conf = s.source, s.conf_ppm
      if source == "db_exact" or ((source == "human" or source == "authority") and conf > 0) then return true end
      if (source == "db_fuzzy" or (source == "classifier" and conf >= 700000)) and not denied(signals, s.code) then
        return true
      end
    end
  end
  return false
end

local function label(c)
  local meta = c.meta_label
  if c.human or c.produced_here or meta == "1" then return 3 end
  if meta == "2" or c.declared then return 2 end
  if meta == "3" then return 1 end
  local ppm = c.detect_ppm
  if (c.trace_explicit or (ppm and ppm >= 700000)) and c.human ~= false then return 1 end
  return 0
end

local function profile_price(c)
  local price, reference, count, features = c.price_fen, c.ref_price_fen, c.ref_n, c.price_features
  if not (offers[c.kind] and price and reference and features and count and count >= 30) then return false end
  if price + (c.fees_fen or 0) <= reference + (c.ref_fees_fen or 0) then return false end
  for _, feature in ipairs(features) do
    if about_the_person[feature] then return true end
  end
  return false
end

return function(candidates, user)
  local minor, minor_mode, lower_bound = user.minor, user.minor_mode, user.lower_bound
  local verdicts = {}
  for i, c in ipairs(candidates) do
    local verdict = label(c)
    if minor then
      if c.signals and raised(c.signals) then verdict = verdict + 4 end
      local rating = c.age_rating
      local floor = rating and floors[rating] or (minor_mode and 18 or 0)
      if rating == "r18" or (floor > lower_bound and minor_mode) then
        verdict = verdict + 8
      elseif floor > lower_bound then
        verdict = verdict + 16
      end
    end
    if profile_price(c) then verdict = verdict + 32 end
    verdicts[i] = verdict
  end
  return verdicts
end
