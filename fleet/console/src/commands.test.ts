import { afterEach, expect, it, vi } from "vitest";
import { sender } from "./commands";

afterEach(() => vi.unstubAllGlobals());

function keysOf(fetched: ReturnType<typeof vi.fn>): string[] {
  return fetched.mock.calls.map(([, request]) => (request as { headers: Record<string, string> }).headers["Idempotency-Key"] ?? "");
}

it("an order whose answer was lost is sent again with the same key, another press with another", async () => {
  const fetched = vi.fn();
  fetched.mockRejectedValueOnce(new Error("lost")).mockImplementation(() => Promise.resolve(Response.json({ what: "closed" })));
  vi.stubGlobal("fetch", fetched);
  const send = sender(() => "Ada Byron", () => null);

  expect(await send("/incidents/1/close")).toEqual({ ok: true, text: "closed" });
  await send("/incidents/1/close");

  const [first, again, other] = keysOf(fetched);
  expect(first).toMatch(/^"[0-9a-f-]{36}"$/);
  expect(again).toBe(first);
  expect(other).not.toBe(first);
});

it("a refusal is an answer, and is not tried again", async () => {
  const fetched = vi.fn(() => Promise.resolve(Response.json({ detail: "it is closed" }, { status: 409 })));
  vi.stubGlobal("fetch", fetched);

  expect(await sender(() => "Ada Byron", () => null)("/x")).toEqual({ ok: false, text: "it is closed" });
  expect(fetched).toHaveBeenCalledTimes(1);
});
