// What every sub-tab of Plan is given.
import type { Send } from "../../commands";
import type { Session } from "../../session";
import type { Draft } from "./draft";
import type { PlanWords } from "./words";

export interface TabProps {
  t: { [K in keyof PlanWords]: string };
  draft: Draft; // what is edited; without a draft, the base itself
  base: Draft; // what it is compared with: the version in force
  edit: (draft: Draft) => void;
  session: Session | null;
  send: Send;
  canEdit: boolean;
}
