// What every page is given.
import type { components } from "./api";
import type { Send } from "./commands";
import type { Picture } from "./picture";
import type { Session } from "./session";

export type Role = components["schemas"]["Role"];

export interface PageProps {
  picture: Picture;
  nowMs: number;
  send: Send;
  session: Session | null;
  may: (role: Role) => boolean;
  isLive: boolean;
  path: string;
}
