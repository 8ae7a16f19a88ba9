CREATE TABLE `announcements` (
	`segment` text NOT NULL,
	`id` text NOT NULL,
	`event` text NOT NULL,
	`properties` text NOT NULL,
	`message_id` text NOT NULL,
	`started_at` integer NOT NULL,
	`customers` integer NOT NULL,
	`asked` integer DEFAULT 0 NOT NULL,
	`cursor` text DEFAULT '' NOT NULL,
	`done_at` integer,
	PRIMARY KEY(`segment`, `id`)
);
--> statement-breakpoint
CREATE INDEX `announcements_by_start` ON `announcements` (`segment`,`started_at`);--> statement-breakpoint
CREATE INDEX `announcements_under_way` ON `announcements` (`started_at`) WHERE "announcements"."done_at" IS NULL;