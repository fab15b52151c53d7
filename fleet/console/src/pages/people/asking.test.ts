import { expect, test } from "vitest";
import { linkOf, type Person, scopesOf } from "./asking";

const OLGA: Person = {
  name: "Olga Berg",
  role: "supervisor",
  is_pilot: false,
  is_disabled: false,
  has_password: true,
  signed_in_at_us: null,
  sessions: 0,
};

test("a token is offered what its person may, and flying to pilots only", () => {
  expect(scopesOf(OLGA)).toEqual(["viewer", "operator", "supervisor"]);
  expect(scopesOf({ ...OLGA, is_pilot: true })).toEqual(["viewer", "operator", "pilot", "supervisor"]);
  expect(scopesOf({ ...OLGA, role: "viewer" })).toEqual(["viewer"]);
});

test("the secret of a link stands behind the #", () => {
  expect(linkOf("https://site.example:8443", "s3cret")).toBe("https://site.example:8443/#set-up=s3cret");
});
