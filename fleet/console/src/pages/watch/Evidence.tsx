// What there is of an incident: the picture and the clip, where their bytes have come from the node.
import { useEffect, useState } from "react";
import type { EvidenceView, IncidentDetail } from "../../contract";
import { useWords } from "../../language";
import { readJson } from "../../reading";
import { bytes, seconds } from "../../words";
import { WATCH } from "./words";

const AGAIN_MS = 3_000; // while a node still sends

function File({ file }: { file: EvidenceView }) {
  const t = useWords(WATCH);
  const isShown = file.place === "here" && file.kind !== "detections" && file.plays_in_browser;
  const shown = isShown ? file.url : null;
  const length = file.kind === "clip" ? `${seconds(file.end_us - file.start_us)}, ` : "";
  const place = { here: "", node: ` · ${t.atNode(file.node)}`, gone: ` · ${t.removed}` }[file.place];
  return (
    <figure>
      {shown && file.kind === "clip" && <video controls preload="metadata" src={shown} aria-label={t.clip} />}
      {shown && file.kind === "snapshot" && <img src={shown} alt={t.pictureBy(file.camera)} />}
      <figcaption>
        {t[file.kind]} · {file.camera} · {length}
        {bytes(file.bytes)}
        {file.is_masked ? ` · ${t.masked}` : ""}
        {place}
        {file.place === "here" && !isShown && file.kind !== "detections" ? ` · ${t.noBrowser(file.codec ?? "")}` : ""}
      </figcaption>
    </figure>
  );
}

export function Evidence({ incidentId }: { incidentId: string }) {
  const t = useWords(WATCH);
  const [isOpen, setOpen] = useState(false);
  const [files, setFiles] = useState<EvidenceView[] | null>(null);
  const isComing = files === null || files.length === 0 || files.some((file) => file.place === "node");
  useEffect(() => {
    if (!isOpen) return;
    const look = () =>
      void readJson<IncidentDetail>(`/api/v1/incidents/${incidentId}`).then((detail) => {
        if (detail) setFiles(onceEach(detail.evidence ?? []));
      });
    look();
    if (!isComing) return;
    const timer = setInterval(look, AGAIN_MS);
    return () => clearInterval(timer);
  }, [isOpen, isComing, incidentId]);
  return (
    <details className="evidence" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t.evidence}</summary>
      {isOpen && files?.map((file) => <File key={`${file.kind}${file.sha256}`} file={file} />)}
      {isOpen && files?.length === 0 && <p className="empty">{t.noneYet}</p>}
    </details>
  );
}

/** Events that share a clip name the same file. Pictures first. */
export function onceEach(files: EvidenceView[]): EvidenceView[] {
  const order = ["snapshot", "clip", "detections"];
  const known = new Map(files.map((file) => [`${file.kind}${file.sha256}`, file]));
  return [...known.values()].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}
