// Generated from contract/schema by `npm run types`; do not edit.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * Ack
         * @description The coordinator's word that it stored a node's messages; only this lets an outbox row go (SAFETY 15).
         */
        Ack: {
            /** Contiguous */
            contiguous: number;
            /**
             * Missing
             * @default []
             */
            missing: components["schemas"]["SequenceRange"][];
            /**
             * Outbox Id
             * Format: uuid
             */
            outbox_id: string;
            /**
             * Stored Beyond
             * @default []
             */
            stored_beyond: components["schemas"]["SequenceRange"][];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "ack";
        };
        /**
         * BoxPx
         * @description Axis-aligned box in pixels of the full frame; x right, y down, origin at the top-left corner of pixel (0, 0).
         */
        BoxPx: {
            /** Height Px */
            height_px: number;
            /** Width Px */
            width_px: number;
            /** X Px */
            x_px: number;
            /** Y Px */
            y_px: number;
        };
        /**
         * Certainty
         * @description Does the position error leave room for doubt?
         * @enum {string}
         */
        Certainty: "probable" | "possible";
        /**
         * Command
         * @description An order to a node. Expired or retained ones are refused by the node.
         *
         *     zone: to be set or unset, or a line; camera: of the other verbs, but for the model, which is all cameras'.
         *     before_s, after_s: of a clip; the ring of the camera may hold less of what was.
         */
        Command: {
            /**
             * After S
             * @default 0
             */
            after_s: number;
            /**
             * Before S
             * @default 0
             */
            before_s: number;
            /** By */
            by: string;
            /**
             * Camera
             * @default null
             */
            camera: string | null;
            /**
             * Command Id
             * Format: uuid
             */
            command_id: string;
            /** Expires At Us */
            expires_at_us: number;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "command";
            verb: components["schemas"]["Verb"];
            /**
             * Zone
             * @default null
             */
            zone: string | null;
        };
        /**
         * ConfigurationRefused
         * @description A version that the node does not run, and why in one line.
         */
        ConfigurationRefused: {
            /** At Us */
            at_us: number;
            /** Reason */
            reason: string;
            /** Version */
            version: number;
        };
        /**
         * DesiredConfiguration
         * @description What a node should run. settings: what it watches, and how (edge/settings.py: WatchSettings); site: the site file
         *     as an object; sha256: `digest` of both.
         */
        DesiredConfiguration: {
            /** Settings */
            settings: {
                [key: string]: unknown;
            };
            /** Sha256 */
            sha256: string;
            /** Site */
            site: {
                [key: string]: unknown;
            };
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "desired";
            /** Version */
            version: number;
        };
        /**
         * Event
         * @description One stage of one event. `revision` counts within the event from 0 (the start). direction: of a line crossing, the
         *     way that began it.
         */
        Event: {
            certainty: components["schemas"]["Certainty"];
            /**
             * Direction
             * @default null
             */
            direction: ("left_to_right" | "right_to_left") | null;
            /**
             * Event Id
             * Format: uuid
             */
            event_id: string;
            kind: components["schemas"]["EventKind"];
            model: components["schemas"]["ModelIdentity"];
            /** Revision */
            revision: number;
            severity: components["schemas"]["Severity"];
            sighting: components["schemas"]["Sighting"];
            stage: components["schemas"]["Stage"];
            /** Started At Us */
            started_at_us: number;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "event";
            /** Zone */
            zone: string;
        };
        /**
         * EventKind
         * @description Key of the rule file in edge/rules that raises it.
         * @enum {string}
         */
        EventKind: "intrusion" | "loitering" | "line_crossing" | "unclassified_movement";
        /**
         * Evidence
         * @description One file about one event. Events that happened together before one camera may share a clip: the same sha256.
         *
         *     start_us, end_us: capture times of the first and the last that it shows. codec: of the video as the camera sent it,
         *     or of what a masked view was encoded to. box: the event's object in a snapshot.
         */
        Evidence: {
            /** @default null */
            box: components["schemas"]["BoxPx"] | null;
            /** Bytes */
            bytes: number;
            /** Camera */
            camera: string;
            /** Codec */
            codec: string;
            /** End Us */
            end_us: number;
            /**
             * Event Id
             * Format: uuid
             */
            event_id: string;
            /**
             * Is Masked
             * @default false
             */
            is_masked: boolean;
            kind: components["schemas"]["EvidenceKind"];
            media_type: components["schemas"]["MediaType"];
            /** Plays In Browser */
            plays_in_browser: boolean;
            /** Sha256 */
            sha256: string;
            /** Start Us */
            start_us: number;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "evidence";
        };
        /**
         * EvidenceKind
         * @enum {string}
         */
        EvidenceKind: "clip" | "snapshot" | "detections";
        /**
         * FeedHealth
         * @description Counts since the node started. `frames_quiet`: not shown to the detector, as nothing moved. `filtered`: sightings
         *     that a filter of the camera did not tell, by filter.
         */
        FeedHealth: {
            /** Camera */
            camera: string;
            /**
             * Filtered
             * @default {}
             */
            filtered: {
                [key: string]: number;
            };
            /** Frames Decoded */
            frames_decoded: number;
            /** Frames Dropped */
            frames_dropped: number;
            /**
             * Frames Quiet
             * @default 0
             */
            frames_quiet: number;
            /** Frames Used */
            frames_used: number;
            /** Inference Ms */
            inference_ms: number | null;
        };
        /**
         * FeedState
         * @description Anything but OK leaves the camera's zones uncovered.
         * @enum {string}
         */
        FeedState: "starting" | "ok" | "lost" | "stalled" | "detector_failed" | "tampered" | "ended";
        /** FeedStatus */
        FeedStatus: {
            /** Camera */
            camera: string;
            /**
             * Detail
             * @default
             */
            detail: string;
            /** Since Us */
            since_us: number;
            state: components["schemas"]["FeedState"];
        };
        /**
         * GeoPoint
         * @description WGS84 position, degrees; (0, 0) is refused: it is what an unset receiver reports.
         */
        GeoPoint: {
            /** Lat Deg */
            lat_deg: number;
            /** Lon Deg */
            lon_deg: number;
        };
        /**
         * GroundFix
         * @description A located point on the ground with its error: covariance of (east, north) in square metres.
         */
        GroundFix: {
            /** Cov East North M2 */
            cov_east_north_m2: number;
            point: components["schemas"]["GeoPoint"];
            /** Var East M2 */
            var_east_m2: number;
            /** Var North M2 */
            var_north_m2: number;
        };
        /**
         * Health
         * @description A heartbeat with figures, every 2 s; its absence is what raises trouble.
         */
        Health: {
            /**
             * Clock Offset Ms
             * @default null
             */
            clock_offset_ms: number | null;
            /** Feeds */
            feeds: components["schemas"]["FeedHealth"][];
            /** Outbox Rows */
            outbox_rows: number;
            /**
             * Power W
             * @default null
             */
            power_w: number | null;
            /**
             * Temperature C
             * @default null
             */
            temperature_c: number | null;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "health";
        };
        /**
         * Label
         * @description Class of a tracked object. `motor_vehicle` is somebody's car; a vehicle, in Vedette, is ours.
         * @enum {string}
         */
        Label: "person" | "bicycle" | "motor_vehicle" | "animal" | "other";
        /**
         * MediaType
         * @description Of the file, as HTTP calls it.
         * @enum {string}
         */
        MediaType: "video/mp4" | "video/x-nut" | "image/jpeg" | "application/jsonl";
        /**
         * ModelIdentity
         * @description Which weights said so.
         */
        ModelIdentity: {
            /** Backend */
            backend: string;
            /** Name */
            name: string;
            /** Sha256 */
            sha256: string;
        };
        /**
         * NodeFault
         * @description Lasts as long as the status names it.
         */
        NodeFault: {
            /** Detail */
            detail: string;
            kind: components["schemas"]["NodeFaultKind"];
            /** Since Us */
            since_us: number;
        };
        /**
         * NodeFaultKind
         * @description What is wrong with the device under a node or with its way out; its cameras still watch.
         * @enum {string}
         */
        NodeFaultKind: "clock" | "hot" | "upload" | "disk";
        /**
         * NodeState
         * @enum {string}
         */
        NodeState: "online" | "stopping" | "offline";
        /**
         * Origin
         * @description Kind of evidence, inherited by incident and task. Only live evidence moves a real vehicle (SAFETY 2).
         * @enum {string}
         */
        Origin: "live" | "replayed" | "simulated";
        /**
         * OutboxStatus
         * @description What the node still holds: sequences below `oldest_sequence` will never be sent again.
         */
        OutboxStatus: {
            /** Next Sequence */
            next_sequence: number;
            /** Oldest Sequence */
            oldest_sequence: number;
        };
        /**
         * Reply
         * @description files: sha256 of what was kept for a snapshot or a clip; their manifests carry the command's id as event id.
         */
        Reply: {
            /**
             * Command Id
             * Format: uuid
             */
            command_id: string;
            /** Done */
            done: boolean;
            /**
             * Files
             * @default []
             */
            files: string[];
            /**
             * Reason
             * @default
             */
            reason: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "reply";
        };
        /**
         * ReportedConfiguration
         * @description What a node runs. version, sha256: of the configuration that came from the coordinator; None: its own file.
         *
         *     site_sha256: `site_digest` of its site. refused: the last one that it did not take, until it takes another.
         *     remark: what a person should know, such as a remembered configuration that could not be read.
         */
        ReportedConfiguration: {
            /** @default null */
            refused: components["schemas"]["ConfigurationRefused"] | null;
            /**
             * Remark
             * @default
             */
            remark: string;
            /** Sha256 */
            sha256: string | null;
            /** Since Us */
            since_us: number;
            /** Site Sha256 */
            site_sha256: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "reported";
            /** Version */
            version: number | null;
        };
        /**
         * SensorAlarm
         * @description A stage of one alarm of a device. `alarm`: the device's own name for it, of those that last at one time. `zone`,
         *     `ground`: where, if it knows better than the site file.
         */
        SensorAlarm: {
            /**
             * Alarm
             * @default alarm
             */
            alarm: string;
            /** @default null */
            ground: components["schemas"]["GroundFix"] | null;
            /**
             * Score
             * @default 1
             */
            score: number;
            stage: components["schemas"]["Stage"];
            /**
             * Text
             * @default
             */
            text: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "sensor_alarm";
            /**
             * Zone
             * @default null
             */
            zone: string | null;
        };
        /**
         * SensorTrack
         * @description All that a device follows now; nothing is a word too: it lives.
         */
        SensorTrack: {
            /**
             * Targets
             * @default []
             */
            targets: components["schemas"]["Target"][];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "sensor_track";
        };
        /**
         * SequenceRange
         * @description Inclusive at both ends.
         */
        SequenceRange: {
            /** First */
            first: number;
            /** Last */
            last: number;
        };
        /**
         * Severity
         * @description How loudly a zone's alarms ask for a person.
         * @enum {string}
         */
        Severity: "low" | "medium" | "high";
        /**
         * Sighting
         * @description One track, as one frame of one camera saw it.
         */
        Sighting: {
            box: components["schemas"]["BoxPx"];
            /** Camera */
            camera: string;
            ground: components["schemas"]["GroundFix"] | null;
            label: components["schemas"]["Label"];
            /** Score */
            score: number;
            /** Track */
            track: number;
        };
        /**
         * Stage
         * @enum {string}
         */
        Stage: "start" | "update" | "end";
        /**
         * Status
         * @description Retained; the broker publishes its offline form as last will.
         */
        Status: {
            /**
             * Faults
             * @default []
             */
            faults: components["schemas"]["NodeFault"][];
            /**
             * Feeds
             * @default []
             */
            feeds: components["schemas"]["FeedStatus"][];
            /** @default null */
            model: components["schemas"]["ModelIdentity"] | null;
            /** @default null */
            outbox: components["schemas"]["OutboxStatus"] | null;
            /** Software */
            software: string;
            state: components["schemas"]["NodeState"];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "status";
        };
        /**
         * Target
         * @description One thing that a device follows; velocity of the ground, where it is measured.
         */
        Target: {
            ground: components["schemas"]["GroundFix"];
            /** @default other */
            label: components["schemas"]["Label"];
            /**
             * Score
             * @default 1
             */
            score: number;
            /** Track */
            track: string;
            /**
             * Velocity East M S
             * @default null
             */
            velocity_east_m_s: number | null;
            /**
             * Velocity North M S
             * @default null
             */
            velocity_north_m_s: number | null;
        };
        /**
         * Tracks
         * @description Every confirmed track of one camera now; best effort, at most 5 Hz.
         */
        Tracks: {
            /** Camera */
            camera: string;
            /** Sightings */
            sightings: components["schemas"]["Sighting"][];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "tracks";
        };
        /**
         * Verb
         * @enum {string}
         */
        Verb: "set_zone" | "unset_zone" | "snapshot" | "clip" | "restart_feed" | "reload_model";
        /**
         * Envelope
         * @description One message on the wire.
         *
         *     `sequence` counts the outbox messages of one outbox (`outbox_id` is drawn when its file is made, so that a lost disk
         *     never reuses a number); `boot` is the node's persisted boot counter. `hops_us` holds how long each step inside the
         *     sender took; the receiver adds its own.
         */
        Envelope: {
            /** Body */
            body: components["schemas"]["Event"] | components["schemas"]["Evidence"] | components["schemas"]["Tracks"] | components["schemas"]["Status"] | components["schemas"]["Health"] | components["schemas"]["SensorAlarm"] | components["schemas"]["SensorTrack"] | components["schemas"]["Ack"] | components["schemas"]["Command"] | components["schemas"]["Reply"] | components["schemas"]["DesiredConfiguration"] | components["schemas"]["ReportedConfiguration"];
            /** Boot */
            boot: number;
            /** Captured At Us */
            captured_at_us: number;
            /** Hops Us */
            hops_us?: {
                [key: string]: number;
            };
            /**
             * Message Id
             * Format: uuid
             */
            message_id: string;
            /** Node */
            node: string;
            origin: components["schemas"]["Origin"];
            /**
             * Outbox Id
             * @default null
             */
            outbox_id: string | null;
            /**
             * Schema Version
             * @default 1
             * @constant
             */
            schema_version: 1;
            /** Sent At Us */
            sent_at_us: number;
            /**
             * Sequence
             * @default null
             */
            sequence: number | null;
            /** Site */
            site: string;
            /** Trace Id */
            trace_id: string;
        };
        /**
         * TaskKind
         * @enum {string}
         */
        TaskKind: "patrol" | "investigate" | "recall" | "orbit" | "look";
        /**
         * TaskState
         * @description created: waits for consent; sent, received: on its way; accepted: the vehicle said yes; executing: it moves.
         * @enum {string}
         */
        TaskState: "created" | "sent" | "received" | "accepted" | "executing" | "suspended" | "done" | "failed" | "cancelled" | "refused";
        /**
         * Visit
         * @description A point of a roaming patrol that is still to be visited, and when at the latest.
         */
        Visit: {
            /** Due At Us */
            due_at_us: number;
            /** Point */
            point: string;
        };
        /**
         * Task
         * @description One order with its whole reason. `target` is what to look at, `stand_off` where to look from: never the same.
         */
        Task: {
            /**
             * Approved By
             * @default null
             */
            approved_by: string | null;
            /** Changed At Us */
            changed_at_us: number;
            /** Created At Us */
            created_at_us: number;
            /**
             * Incident Id
             * @default null
             */
            incident_id: string | null;
            kind: components["schemas"]["TaskKind"];
            origin: components["schemas"]["Origin"];
            /**
             * Patrol
             * @default null
             */
            patrol: string | null;
            /**
             * Paused By
             * @default null
             */
            paused_by: string | null;
            /**
             * Progress
             * @default
             */
            progress: string;
            /**
             * Radius M
             * @default null
             */
            radius_m: number | null;
            /** Reason */
            reason: string;
            /** @default null */
            stand_off: components["schemas"]["GeoPoint"] | null;
            /**
             * Stand Off Altitude M
             * @default null
             */
            stand_off_altitude_m: number | null;
            state: components["schemas"]["TaskState"];
            /** @default null */
            target: components["schemas"]["GeoPoint"] | null;
            /**
             * Task Id
             * Format: uuid
             */
            task_id: string;
            /** Trace Id */
            trace_id: string;
            /**
             * Turns
             * @default null
             */
            turns: number | null;
            /** Vehicle */
            vehicle: string;
            /**
             * Visits
             * @default []
             */
            visits: components["schemas"]["Visit"][];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
