CREATE TABLE `customer_segments` (
	`customer_id` text NOT NULL,
	`segment` text NOT NULL,
	`since` integer NOT NULL,
	PRIMARY KEY(`customer_id`, `segment`)
);
--> statement-breakpoint
CREATE INDEX `customer_segments_by_segment` ON `customer_segments` (`segment`,`customer_id`);--> statement-breakpoint
CREATE TABLE `rousings` (
	`version` integer PRIMARY KEY NOT NULL,
	`started_at` integer NOT NULL,
	`customers` integer NOT NULL,
	`asked` integer DEFAULT 0 NOT NULL,
	`cursor` text DEFAULT '' NOT NULL,
	`done_at` integer
);
