// The operator's currency. Most amounts of the API do not name theirs; what offers cost does, and is weighed against those amounts.
import { effect, untracked } from "@preact/signals";
import { get } from "./api.js";
import { currency, foundCurrency, key } from "./state.js";

effect(() => {
  key.value;
  if (!currency.value && !foundCurrency.peek()) untracked(find);
});

/** Offers in several currencies tell nothing; neither does an API that keeps them from us. */
async function find() {
  try {
    const { data } = await get("/v1/offers", {}, { quiet: true });
    const codes = new Set(data.items.map((offer) => offer.currency));
    if (codes.size === 1) [foundCurrency.value] = codes;
  } catch {
    return;
  }
}
