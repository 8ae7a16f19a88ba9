CREATE TABLE `catalog_head` (
	`id` integer PRIMARY KEY NOT NULL,
	`version` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `customer_stages` (
	`customer_id` text NOT NULL,
	`journey` text NOT NULL,
	`stage` text NOT NULL,
	`entered_at` integer NOT NULL,
	PRIMARY KEY(`customer_id`, `journey`)
);
--> statement-breakpoint
CREATE INDEX `customer_stages_by_stage` ON `customer_stages` (`journey`,`stage`,`customer_id`);--> statement-breakpoint
CREATE TABLE `customers` (
	`id` text PRIMARY KEY NOT NULL,
	`revision` integer NOT NULL,
	`created_at` integer NOT NULL,
	`next_due_at` integer,
	`gone` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE INDEX `customers_by_due` ON `customers` (`next_due_at`);--> statement-breakpoint
CREATE TABLE `documents` (
	`kind` text NOT NULL,
	`id` text NOT NULL,
	`version` integer NOT NULL,
	`from_version` integer NOT NULL,
	`to_version` integer,
	`body` text NOT NULL,
	`published_at` integer NOT NULL,
	PRIMARY KEY(`kind`, `id`, `version`)
);
--> statement-breakpoint
CREATE INDEX `documents_by_from` ON `documents` (`from_version`);--> statement-breakpoint
CREATE INDEX `documents_by_to` ON `documents` (`to_version`);--> statement-breakpoint
CREATE TABLE `imports` (
	`customer_id` text PRIMARY KEY NOT NULL
);
--> statement-breakpoint
CREATE TABLE `keys` (
	`hash` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`role` text NOT NULL,
	`token_mode` text NOT NULL,
	`token_secret` text,
	`created_at` integer NOT NULL
);
