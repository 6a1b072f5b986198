import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from evcs.settings import evcs_settings


class Migration(migrations.Migration):

    dependencies = [
        ('evcs', '0102_tag_revision'),
        migrations.swappable_dependency(evcs_settings.FLAT_MODEL),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Resident',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateField(blank=True, help_text='Leer: schon immer.', null=True, verbose_name='seit')),
                ('until', models.DateField(blank=True, help_text='Der erste Tag, an dem es nicht mehr gilt.', null=True, verbose_name='bis')),
                ('flat', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=evcs_settings.FLAT_MODEL)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='evcs_homes', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'Bewohner',
                'verbose_name_plural': 'Bewohner',
                'ordering': ['flat_id', 'since', 'pk'],
            },
        ),
    ]
