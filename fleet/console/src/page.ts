// What every page is given. A page is src/pages/<name>/<Name>.tsx with a default export that takes these.
import type { components } from "./api";
import type { Send } from "./commands";
import type { Picture } from "./picture";
import type { Session } from "./session";

export type Role = components["schemas"]["Role"];

export interface PageProps {
  picture: Picture;
  nowMs: number; // this browser's clock, once a second
  send: Send;
  session: Session | null;
  may: (role: Role) => boolean; // what is enabled; the coordinator decides again
  isLive: boolean; // the coordinator was heard within the last seconds
  path: string;
}

/** Whether this person may; everybody at the desk of the open demo may all. */
export function mayOf(session: Session | null): (role: Role) => boolean {
  return (role) => session !== null && (session.is_open || (session.may ?? []).includes(role));
}
