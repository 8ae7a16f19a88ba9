CREATE TABLE `idempotency` (
	`id` text PRIMARY KEY NOT NULL,
	`request` text NOT NULL,
	`status` integer,
	`headers` text,
	`body` text,
	`made_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `idempotency_by_time` ON `idempotency` (`made_at`);