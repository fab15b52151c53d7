// What stands about every alarm and incident, on whichever page: how loud, from where, and how it ended.
import type { Incident } from "./contract";
import { said, words } from "./language";

type Severity = Incident["severity"];
type Origin = Incident["origin"];
type Disposition = NonNullable<Incident["disposition"]>;

const SEVERITIES = words<Record<Severity, string>>(
  { low: "low", medium: "medium", high: "high" },
  { low: "niedrig", medium: "mittel", high: "hoch" },
);
const ORIGINS = words<Record<Origin, string>>(
  { live: "live", replayed: "replayed", simulated: "simulated" },
  { live: "live", replayed: "wiedergegeben", simulated: "simuliert" },
);
const DISPOSITIONS = words<Record<Disposition, string>>(
  {
    confirmed: "Confirmed",
    nuisance: "Nuisance",
    false_alarm: "False alarm",
    authorised: "Authorised",
    test: "Test",
    unknown: "Unknown",
    recovered: "Recovered",
  },
  {
    confirmed: "Bestätigt",
    nuisance: "Störmeldung",
    false_alarm: "Fehlalarm",
    authorised: "Berechtigt",
    test: "Test",
    unknown: "Unbekannt",
    recovered: "Von selbst behoben",
  },
);

export const severityWord = (severity: Severity): string => said(SEVERITIES)[severity];
export const originWord = (origin: Origin): string => said(ORIGINS)[origin];
export const dispositionWord = (disposition: Disposition): string => said(DISPOSITIONS)[disposition];
