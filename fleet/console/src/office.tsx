// Stand-in until the console's own shell comes: the pages beside Watch, by their path.
import { type ComponentType, lazy } from "react";
import type { PageProps, Role } from "./page";

export interface OfficePage {
  path: string;
  name: string;
  role: Role;
  Page: ComponentType<PageProps>;
}

export const OFFICE: OfficePage[] = [
  { path: "/audit", name: "Audit", role: "supervisor", Page: lazy(() => import("./pages/audit/Audit")) },
  { path: "/people", name: "People", role: "admin", Page: lazy(() => import("./pages/people/People")) },
];
